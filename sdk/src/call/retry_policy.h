#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstdint>

#include "dispatchctl/retry.h"

namespace dispatchctl::internal {

// The bit that stands for `code` in a set of codes; 0 for what is not one of gRPC's.
constexpr std::uint32_t CodeBit(absl::StatusCode code) {
  const auto number = static_cast<unsigned>(code);
  return number <= static_cast<unsigned>(absl::StatusCode::kUnauthenticated) ? 1U << number : 0U;
}

// RetryPolicy in a form that a call copies without allocating. By default what RetryPolicy{} says.
struct CallRetryPolicy {
  int max_attempts = 4;
  std::chrono::nanoseconds initial_backoff{std::chrono::milliseconds(25)};
  std::chrono::nanoseconds max_backoff{std::chrono::seconds(1)};
  double backoff_multiplier = 2.0;
  std::uint32_t retryable_codes = CodeBit(absl::StatusCode::kUnavailable);  // a bit per code
};

CallRetryPolicy Compile(const RetryPolicy& policy);

}  // namespace dispatchctl::internal
