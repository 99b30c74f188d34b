#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace dispatchctl::internal {

// Room for a bounded number of items between one submitting thread and the loop's thread.
//
// A submitter that found no room is told only when half of it is free again: waking it for every single item
// costs more than the item.
class Room {
 public:
  explicit Room(std::size_t capacity) : capacity_(capacity) {}

  // Submitting thread. False: there is none; TakeNotice will tell.
  bool TryTake() {
    if (HasRoom()) {
      ++taken_;
      return true;
    }
    wanted_.store(true);
    // Room may have been given back between the look and the wish.
    if (!HasRoom()) return false;
    wanted_.store(false);
    ++taken_;
    return true;
  }

  // Submitting thread. Waits for room; false: closed.
  bool Take() {
    while (!TryTake()) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || !wanted_.load(); });
      if (closed_) return false;
    }
    return true;
  }

  // Loop's thread: one item has left. True when a submitter that found no room should be told now.
  bool GiveBack() {
    const std::uint64_t given_back = given_back_.fetch_add(1) + 1;
    if (!wanted_.load()) return false;
    if (taken_.load() - given_back > capacity_ / 2) return false;
    if (!wanted_.exchange(false)) return false;
    { const std::lock_guard<std::mutex> lock(mutex_); }
    changed_.notify_all();
    return true;
  }

  // Any thread. Nobody waits from now on.
  void Close() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  bool HasRoom() const { return taken_.load() - given_back_.load() < capacity_; }

  const std::size_t capacity_;
  std::atomic<std::uint64_t> taken_{0};  // written by the submitting thread only
  std::atomic<std::uint64_t> given_back_{0};
  std::atomic<bool> wanted_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
};

}  // namespace dispatchctl::internal
