#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace dispatchctl::internal {

// Room for a bounded number of items, and of bytes in all: taken by one submitting thread, given back by one
// other thread at a time.
//
// A submitter that found no room is told only when half of it is free again: waking it for every single item
// costs more than the item.
class Room {
 public:
  static constexpr std::size_t kMostItems = std::size_t{1} << 20U;
  static constexpr std::size_t kMostBytes = std::size_t{1} << 40U;

  // Both from 1 to the limits above.
  explicit Room(std::size_t items, std::size_t bytes = kMostBytes) : items_(items), bytes_(bytes) {}

  // Submitting thread. False: there is none for so many bytes, of at most all; GiveBack will tell.
  bool TryTake(std::size_t bytes = 0) {
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
  bool Take(std::size_t bytes = 0) {
    while (!TryTake(bytes)) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || !wanted_.load(); });
      if (closed_) return false;
    }
    return true;
  }

  // One item has left. True when a submitter that found no room should be told now.
  bool GiveBack(std::size_t bytes = 0) {
    Add(given_back_, bytes);
    if (!wanted_.load()) return false;
    const std::uint64_t held = Held();
    if (Items(held) > items_ / 2 || Bytes(held) > bytes_ / 2) return false;
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
  // Items and bytes are counted in one number, the items above the bytes, so that both change at once.
  // The sums overflow; their difference, which is bounded, does not.
  static constexpr unsigned kShift = 42;

  static std::uint64_t Items(std::uint64_t both) { return both >> kShift; }
  static std::uint64_t Bytes(std::uint64_t both) { return both & ((std::uint64_t{1} << kShift) - 1); }

  // Each sum has one writer.
  static void Add(std::atomic<std::uint64_t>& sum, std::size_t bytes) {
    sum.store(sum.load(std::memory_order_relaxed) + (std::uint64_t{1} << kShift) + bytes);
  }

  std::uint64_t Held() const { return taken_.load() - given_back_.load(); }

  bool HasRoom(std::size_t bytes) const {
    const std::uint64_t held = Held();
    return Items(held) < items_ && Bytes(held) + bytes <= bytes_;
  }

  const std::size_t items_;
  const std::size_t bytes_;
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> given_back_{0};
  std::atomic<bool> wanted_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
};

}  // namespace dispatchctl::internal
