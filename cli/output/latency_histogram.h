#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace dispatchctl::cli {

/// Counts durations in log-linear buckets, as HdrHistogram does (hdrhistogram.org): one for each nanosecond
/// below 256 ns, and 256 for each power of two above. Any duration fits, up to 292 years; what is below zero
/// counts as zero. A bucket is known by its middle, so that a quantile is wrong by 0.2 % (1/512) at the most.
/// Takes 114 KiB, whatever is added. Not thread-safe.
class LatencyHistogram {
 public:
  void Add(std::chrono::nanoseconds latency);

  std::uint64_t count() const { return count_; }

  /// The latency that `quantile` (0 to 1) of all do not exceed; zero when nothing was added. The highest is
  /// exact.
  std::chrono::nanoseconds Quantile(double quantile) const;

  /// All three are exact; zero when nothing was added.
  std::chrono::nanoseconds min() const { return std::chrono::nanoseconds(count_ == 0 ? 0 : min_); }
  std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }
  std::chrono::nanoseconds mean() const;

  /// The middle of each bucket that is not empty, and how many are in it; shortest first.
  std::vector<std::pair<std::chrono::nanoseconds, std::uint64_t>> Buckets() const;

 private:
  static constexpr unsigned kLinearBits = 8;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kLinearBits;
  static constexpr std::size_t kBuckets = (64 - kLinearBits + 1) * kSubBuckets;

  static std::size_t BucketOf(std::uint64_t value);
  // Never outside of what was added.
  std::int64_t MiddleOf(std::size_t bucket) const;

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t min_ = INT64_MAX;
  std::int64_t max_ = 0;
  double sum_ = 0.0;
};

}  // namespace dispatchctl::cli
