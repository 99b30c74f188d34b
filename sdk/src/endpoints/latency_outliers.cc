#include "endpoints/latency_outliers.h"

#include <algorithm>

namespace dispatchctl::internal {
namespace {

constexpr std::chrono::milliseconds kLeastHedgeDelay{1};
constexpr int kSlowFactor = 3;

}  // namespace

LatencyReview ReviewLatencies(std::span<const EndpointLatency> endpoints) {
  LatencyReview review;
  review.slow.assign(endpoints.size(), false);
  std::vector<std::chrono::nanoseconds> percentiles;
  for (const EndpointLatency& endpoint : endpoints) {
    if (endpoint.p95) percentiles.push_back(*endpoint.p95);
  }
  if (percentiles.empty()) return review;
  // Of two endpoints the faster one is the measure, or a pair with one slow endpoint would have none.
  const auto middle = percentiles.begin() + static_cast<std::ptrdiff_t>((percentiles.size() - 1) / 2);
  std::nth_element(percentiles.begin(), middle, percentiles.end());
  review.hedge_delay = std::max<std::chrono::nanoseconds>(*middle, kLeastHedgeDelay);
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    review.slow[i] = endpoints[i].median && *endpoints[i].median > kSlowFactor * *review.hedge_delay;
  }
  return review;
}

}  // namespace dispatchctl::internal
