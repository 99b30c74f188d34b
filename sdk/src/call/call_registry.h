#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "call/cancellable.h"

namespace dispatchctl::internal {

// Calls that have not ended, and whether there may be more. Keeps them alive where it is given ownership.
// Thread-safe.
class CallRegistry {
 public:
  using Position = std::list<std::shared_ptr<Cancellable>>::iterator;

  // nullopt: closed.
  std::optional<Position> Add(std::shared_ptr<Cancellable> call) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return std::nullopt;
    if (spare_.empty()) spare_.emplace_back();
    spare_.front() = std::move(call);
    calls_.splice(calls_.begin(), spare_, spare_.begin());
    return calls_.begin();
  }

  void Remove(Position position) {
    // Outlives the lock: a call's end may release much, this registry included.
    std::shared_ptr<Cancellable> removed;
    const std::lock_guard<std::mutex> lock(mutex_);
    removed = std::move(*position);
    position->reset();
    spare_.splice(spare_.begin(), calls_, position);
    if (calls_.empty()) emptied_.notify_all();
  }

  void CancelAll() {
    // With the lock, as no call goes before it is removed.
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::shared_ptr<Cancellable>& call : calls_) call->Cancel();
  }

  void Close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }

  void WaitUntilEmpty() {
    std::unique_lock<std::mutex> lock(mutex_);
    emptied_.wait(lock, [&] { return calls_.empty(); });
  }

  // False: it was not empty by then.
  bool WaitUntilEmpty(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    return emptied_.wait_until(lock, deadline, [&] { return calls_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable emptied_;
  std::list<std::shared_ptr<Cancellable>> calls_;
  std::list<std::shared_ptr<Cancellable>> spare_;  // nodes to use again: calls come and go all the time
  bool closed_ = false;
};

}  // namespace dispatchctl::internal
