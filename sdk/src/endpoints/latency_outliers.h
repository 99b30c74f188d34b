#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

namespace dispatchctl::internal {

// What attempts on one endpoint took lately. Unset: too few were seen.
struct EndpointLatency {
  std::optional<std::chrono::nanoseconds> median;
  std::optional<std::chrono::nanoseconds> p95;
};

struct LatencyReview {
  // When an attempt has taken so long, another endpoint would probably have answered: the median over the
  // endpoints of their 95th percentiles, so that one slow endpoint does not set the measure. At least 1 ms.
  // Unset: too little is known.
  std::optional<std::chrono::nanoseconds> hedge_delay;
  // Endpoints whose median is more than three times that. Never all that anything is known of.
  std::vector<bool> slow;
};

LatencyReview ReviewLatencies(std::span<const EndpointLatency> endpoints);

}  // namespace dispatchctl::internal
