#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace dispatchctl::internal {

// What calls have taken lately: quantiles and a moving average. Thread-safe and lock-free, of fixed size.
//
// Quantiles come from a histogram of 16 buckets to each doubling, and are the middle of a bucket: at most 3 %
// off. All buckets are halved every kFadeEvery samples, so that what is older than a few thousand of them no
// longer counts.
class LatencyTracker {
 public:
  // Samples before a quantile is worth anything.
  static constexpr std::uint64_t kWarmUp = 20;
  static constexpr std::uint64_t kFadeEvery = 1024;

  LatencyTracker() = default;
  LatencyTracker(const LatencyTracker&) = delete;
  LatencyTracker& operator=(const LatencyTracker&) = delete;

  // Counts more than 275 s as that, and less than zero as zero.
  void Record(std::chrono::nanoseconds latency);

  // `q`: 0 to 1. nullopt: fewer than kWarmUp samples were recorded.
  std::optional<std::chrono::nanoseconds> Quantile(double q) const;

  // Exponentially weighted, each sample an eighth. nullopt: none was recorded.
  std::optional<std::chrono::nanoseconds> Average() const;

  // Of all samples ever recorded.
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  static constexpr unsigned kStepBits = 4;  // 16 buckets to a doubling
  static constexpr unsigned kValueBits = 38;
  static constexpr std::size_t kBuckets = std::size_t{kValueBits - kStepBits + 1} << kStepBits;

  static std::size_t BucketOf(std::uint64_t nanoseconds);
  static std::uint64_t MiddleOf(std::size_t bucket);
  void Fade(std::uint64_t round);

  std::atomic<std::uint64_t> count_{0};
  std::atomic<double> average_{-1};  // below zero: none yet
  std::array<std::atomic<std::uint32_t>, kBuckets> buckets_{};
};

}  // namespace dispatchctl::internal
