#include "output/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace dispatchctl::cli {

// Values below 256 have a bucket each; above, each power of two is divided into 256.
std::size_t LatencyHistogram::BucketOf(std::uint64_t value) {
  if (value < kSubBuckets) return static_cast<std::size_t>(value);
  const auto exponent = static_cast<unsigned>(std::bit_width(value)) - kLinearBits - 1;
  return (std::size_t{exponent} << kLinearBits) + static_cast<std::size_t>(value >> exponent);
}

std::int64_t LatencyHistogram::MiddleOf(std::size_t bucket) const {
  std::uint64_t middle = bucket;
  if (bucket >= 2 * kSubBuckets) {
    const auto exponent = static_cast<unsigned>(bucket >> kLinearBits) - 1;
    const std::uint64_t lowest = std::uint64_t{(bucket & (kSubBuckets - 1)) | kSubBuckets} << exponent;
    middle = lowest + (std::uint64_t{1} << (exponent - 1));
  }
  return std::clamp(static_cast<std::int64_t>(middle), min_, max_);
}

void LatencyHistogram::Add(std::chrono::nanoseconds latency) {
  const std::int64_t value = std::max<std::int64_t>(latency.count(), 0);
  ++buckets_[BucketOf(static_cast<std::uint64_t>(value))];
  ++count_;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

std::chrono::nanoseconds LatencyHistogram::Quantile(double quantile) const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  const auto rank = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_))), 1, count_);
  if (rank == count_) return max();
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return std::chrono::nanoseconds(MiddleOf(bucket));
  }
  return max();
}

std::chrono::nanoseconds LatencyHistogram::mean() const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(std::llround(sum_ / static_cast<double>(count_))));
}

std::vector<std::pair<std::chrono::nanoseconds, std::uint64_t>> LatencyHistogram::Buckets() const {
  std::vector<std::pair<std::chrono::nanoseconds, std::uint64_t>> buckets;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    if (buckets_[bucket] == 0) continue;
    buckets.emplace_back(std::chrono::nanoseconds(MiddleOf(bucket)), buckets_[bucket]);
  }
  return buckets;
}

}  // namespace dispatchctl::cli
