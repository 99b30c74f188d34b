#include "endpoints/latency_tracker.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace dispatchctl::internal {
namespace {

constexpr double kAverageGain = 1.0 / 8;

}  // namespace

// The first 16 buckets hold one value each; from then on a bucket is named by a value's highest bit and the
// four below it.
std::size_t LatencyTracker::BucketOf(std::uint64_t nanoseconds) {
  const auto bits = static_cast<unsigned>(std::bit_width(nanoseconds));
  if (bits <= kStepBits) return static_cast<std::size_t>(nanoseconds);
  const unsigned shift = bits - kStepBits - 1;
  return (std::size_t{shift} << kStepBits) + static_cast<std::size_t>(nanoseconds >> shift);
}

std::uint64_t LatencyTracker::MiddleOf(std::size_t bucket) {
  constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
  if (bucket < 2 * kSteps) return bucket;
  const std::size_t shift = (bucket >> kStepBits) - 1;
  const std::uint64_t lowest = (bucket - (shift << kStepBits)) << shift;
  return lowest + (std::uint64_t{1} << shift) / 2;
}

void LatencyTracker::Record(std::chrono::nanoseconds latency) {
  constexpr std::int64_t kMost = (std::int64_t{1} << kValueBits) - 1;
  const std::int64_t value = std::clamp<std::int64_t>(latency.count(), 0, kMost);
  buckets_[BucketOf(static_cast<std::uint64_t>(value))].fetch_add(1, std::memory_order_relaxed);

  // Not exchanged but stored: of two threads at once one sample is left out of the average, and none waits.
  const double average = average_.load(std::memory_order_relaxed);
  const auto sample = static_cast<double>(value);
  average_.store(average < 0 ? sample : average + (sample - average) * kAverageGain,
                 std::memory_order_relaxed);

  const std::uint64_t count = count_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (count % kFadeEvery == 0) Fade(count / kFadeEvery);
}

// What is odd is rounded up and down by turns: else a lone sample would stay for ever, or a rare one never
// count.
void LatencyTracker::Fade(std::uint64_t round) {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    std::uint32_t before = buckets_[i].load(std::memory_order_relaxed);
    const auto up = static_cast<std::uint32_t>((round + i) & 1U);
    while (before != 0 &&
           !buckets_[i].compare_exchange_weak(before, (before + up) / 2, std::memory_order_relaxed)) {
    }
  }
}

std::optional<std::chrono::nanoseconds> LatencyTracker::Quantile(double q) const {
  if (count() < kWarmUp) return std::nullopt;
  std::uint64_t total = 0;
  for (const std::atomic<std::uint32_t>& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  const double share = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total));
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(share));
  std::uint64_t seen = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const std::uint32_t samples = buckets_[i].load(std::memory_order_relaxed);
    if (samples == 0) continue;
    seen += samples;
    last = i;
    if (seen >= wanted) break;
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(MiddleOf(last)));
}

std::optional<std::chrono::nanoseconds> LatencyTracker::Average() const {
  const double average = average_.load(std::memory_order_relaxed);
  if (average < 0) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(average));
}

}  // namespace dispatchctl::internal
