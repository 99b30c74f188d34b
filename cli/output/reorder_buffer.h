#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace dispatchctl::cli {

/// Puts values that come in any order back into the order in which they were announced, under keys that only
/// grow. A value that is missing holds back those announced after it, of which there are no more than the
/// capacity. Not thread-safe; takes memory as more values wait, and keeps it.
template <class Value>
class ReorderBuffer {
 public:
  explicit ReorderBuffer(std::size_t capacity) : capacity_(capacity) {}

  bool full() const { return size_ == capacity_; }
  /// Announced, and neither taken nor withdrawn.
  std::size_t size() const { return size_; }

  /// Announces a value; its key is greater than those before. Not when full.
  void Expect(std::uint64_t key) {
    if (size_ == slots_.size()) Grow();
    At(size_++).key = key;
  }

  /// No value comes for the one announced last.
  void WithdrawLast() { --size_; }

  /// False when none was announced under this key.
  bool Put(std::uint64_t key, Value value) {
    std::size_t first = 0;
    std::size_t last = size_;
    while (first < last) {
      const std::size_t middle = first + (last - first) / 2;
      if (At(middle).key < key) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    if (first == size_ || At(first).key != key) return false;
    At(first).value = std::move(value);
    return true;
  }

  /// The next value in order, if it is there.
  std::optional<Value> Take() {
    if (size_ == 0 || !At(0).value.has_value()) return std::nullopt;
    return Pop();
  }

  /// The same, passing over those that are missing.
  std::optional<Value> TakeAny() {
    while (size_ != 0) {
      if (std::optional<Value> value = Pop()) return value;
    }
    return std::nullopt;
  }

  /// How many values wait for one before them.
  std::size_t held_back() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < size_; ++i) count += At(i).value.has_value() ? 1U : 0U;
    return count;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::optional<Value> value;
  };

  Slot& At(std::size_t index) { return slots_[(begin_ + index) & (slots_.size() - 1)]; }
  const Slot& At(std::size_t index) const { return slots_[(begin_ + index) & (slots_.size() - 1)]; }

  std::optional<Value> Pop() {
    std::optional<Value> value = std::exchange(At(0).value, std::nullopt);
    begin_ = (begin_ + 1) & (slots_.size() - 1);
    --size_;
    return value;
  }

  void Grow() {
    std::vector<Slot> larger(std::max(kFirstSlots, slots_.size() * 2));
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(At(i));
    slots_ = std::move(larger);
    begin_ = 0;
  }

  static constexpr std::size_t kFirstSlots = 64;

  const std::size_t capacity_;
  std::vector<Slot> slots_;  // a power of two of them, so that finding one takes no division
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

}  // namespace dispatchctl::cli
