#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "dispatchctl/assignment.h"

namespace dispatchctl::internal {

// The bytes of an update on the wire, without gRPC's own framing.
inline std::size_t EncodedSize(const AssignmentUpdate& update) {
  std::size_t size = 0;
  VisitFields(update, [&](std::string_view, const auto& field) {
    if (field.empty()) return;
    size += 2 + field.size();  // the field's number and one byte of its length
    for (std::size_t length = field.size() >> 7U; length != 0; length >>= 7U) ++size;
  });
  return size;
}

// How many updates, and bytes of them, a stream holds at most: taken by one submitting thread, given back by
// one other thread at a time.
//
// A submitter that found no room is told only when half of it is free again: waking it for every single
// update costs more than the update.
class SubmissionRoom {
 public:
  static constexpr std::size_t kMostUpdates = std::size_t{1} << 20U;
  static constexpr std::size_t kMostBytes = std::size_t{1} << 40U;

  // Both from 1 to the limits above.
  SubmissionRoom(std::size_t updates, std::size_t bytes) : updates_(updates), bytes_(bytes) {}

  // Submitting thread. False: there is none for so many bytes, of at most all; GiveBack will tell.
  bool TryTake(std::size_t bytes) {
    if (HasRoom(bytes)) {
      Add(taken_, bytes);
      return true;
    }
    wanted_.store(true);
    // Room may have been given back between the look and the wish.
    if (!HasRoom(bytes)) return false;
    wanted_.store(false);
    Add(taken_, bytes);
    return true;
  }

  // Submitting thread. Waits for room; false: closed.
  bool Take(std::size_t bytes) {
    while (!TryTake(bytes)) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || !wanted_.load(); });
      if (closed_) return false;
    }
    return true;
  }

  // One update has left. True when a submitter that found no room should be told now.
  bool GiveBack(std::size_t bytes) {
    Add(given_back_, bytes);
    if (!wanted_.load()) return false;
    const std::uint64_t held = Held();
    if (Updates(held) > updates_ / 2 || Bytes(held) > bytes_ / 2) return false;
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
  // Updates and bytes are counted in one number, the updates above the bytes, so that both change at once.
  // The sums overflow; their difference, which is bounded, does not.
  static constexpr unsigned kShift = 42;

  static std::uint64_t Updates(std::uint64_t both) { return both >> kShift; }
  static std::uint64_t Bytes(std::uint64_t both) { return both & ((std::uint64_t{1} << kShift) - 1); }

  // Each sum has one writer.
  static void Add(std::atomic<std::uint64_t>& sum, std::size_t bytes) {
    sum.store(sum.load(std::memory_order_relaxed) + (std::uint64_t{1} << kShift) + bytes);
  }

  std::uint64_t Held() const { return taken_.load() - given_back_.load(); }

  bool HasRoom(std::size_t bytes) const {
    const std::uint64_t held = Held();
    return Updates(held) < updates_ && Bytes(held) + bytes <= bytes_;
  }

  const std::size_t updates_;
  const std::size_t bytes_;
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> given_back_{0};
  std::atomic<bool> wanted_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
};

}  // namespace dispatchctl::internal
