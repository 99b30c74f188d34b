#include "output/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace dispatchctl::cli {

// Values below 32 have a bucket each; above, each power of two is divided into 32.
std::size_t LatencyHistogram::BucketOf(std::uint64_t value) {
  if (value < kSubBuckets) return static_cast<std::size_t>(value);
  const auto exponent = static_cast<unsigned>(std::bit_width(value)) - kLinearBits - 1;
  return (std::size_t{exponent} << kLinearBits) + static_cast<std::size_t>(value >> exponent);
}

std::uint64_t LatencyHistogram::MiddleOf(std::size_t bucket) {
  if (bucket < 2 * kSubBuckets) return bucket;
  const auto exponent = static_cast<unsigned>(bucket >> kLinearBits) - 1;
  const std::uint64_t lowest = std::uint64_t{(bucket & (kSubBuckets - 1)) | kSubBuckets} << exponent;
  return lowest + (std::uint64_t{1} << (exponent - 1));
}

void LatencyHistogram::Add(std::chrono::nanoseconds latency) {
  const auto value = static_cast<std::uint64_t>(std::max<std::chrono::nanoseconds::rep>(latency.count(), 0));
  ++buckets_[BucketOf(value)];
  ++count_;
}

std::chrono::nanoseconds LatencyHistogram::Quantile(double quantile) const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  const auto rank = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_))), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return std::chrono::nanoseconds(static_cast<std::int64_t>(MiddleOf(bucket)));
  }
  return std::chrono::nanoseconds(0);
}

}  // namespace dispatchctl::cli
