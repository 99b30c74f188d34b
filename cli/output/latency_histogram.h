#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dispatchctl::cli {

/// Counts durations in buckets whose width grows with the value: any quantile is right within 1/32.
class LatencyHistogram {
 public:
  void Add(std::chrono::nanoseconds latency);

  std::uint64_t count() const { return count_; }

  /// The latency that `quantile` (0 to 1) of all do not exceed; zero when nothing was added.
  std::chrono::nanoseconds Quantile(double quantile) const;

 private:
  static constexpr unsigned kLinearBits = 5;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kLinearBits;
  static constexpr std::size_t kBuckets = (64 - kLinearBits + 1) * kSubBuckets;

  static std::size_t BucketOf(std::uint64_t value);
  static std::uint64_t MiddleOf(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace dispatchctl::cli
