#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>

#include "call/retry_policy.h"

namespace dispatchctl::internal {

// How long to wait before a retry, jitter included from the first one on:
//   min(initial_backoff * backoff_multiplier^(retry - 1), max_backoff) * (0.8 to 1.2)
// as gRFC A6 has it, so that the jitter may exceed max_backoff by 20 %.
//
// `retry`: 1 for the first since the call's start or since a server named the delay itself.
// `unit_random`: 0 to 1.
inline std::chrono::nanoseconds BackoffDelay(const CallRetryPolicy& policy, int retry, double unit_random) {
  const double grown = static_cast<double>(policy.initial_backoff.count()) *
                       std::pow(policy.backoff_multiplier, std::max(retry, 1) - 1);
  const double bounded = std::min(grown, static_cast<double>(policy.max_backoff.count()));
  const double jittered = bounded * (0.8 + 0.4 * unit_random);
  if (jittered >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) {
    return std::chrono::nanoseconds::max();
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(jittered));
}

}  // namespace dispatchctl::internal
