#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <vector>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// When and how often a failed attempt is made again, on another endpoint where there is one (gRFC A6).
///
/// The delay before the n-th retry is min(initial_backoff * backoff_multiplier^(n-1), max_backoff), more or
/// less by up to 20 %. A server's `grpc-retry-pushback-ms` replaces it, or forbids the retry. No delay
/// reaches past the deadline: the call then fails at once with its last error.
///
/// Beyond all this a call is made once more, at once, when its server has said that it never looked at it
/// (HTTP/2's GOAWAY).
struct RetryPolicy {
  /// Attempts in all, the first one included. 1 to 100; 1: no retries.
  int max_attempts = 4;

  std::chrono::nanoseconds initial_backoff = std::chrono::milliseconds(25);  ///< greater than zero
  std::chrono::nanoseconds max_backoff = std::chrono::seconds(1);            ///< greater than zero
  double backoff_multiplier = 2.0;                                           ///< greater than zero

  /// Codes worth another attempt. Never retried whatever stands here: what the client itself refused, a
  /// message too large to receive, the whole call's deadline. An attempt that ran into `attempt_timeout` is
  /// retried always; RESOURCE_EXHAUSTED only if it stands here or the server named a delay.
  std::vector<absl::StatusCode> retryable_codes = {absl::StatusCode::kUnavailable};
};

/// What all calls of a client together may spend on retries and hedges.
///
/// A bucket of tokens (gRFC A6): each failed retryable attempt takes one, each success gives `token_ratio`
/// back, and a retry needs more than half of `max_tokens` to be left. And a limit on how many retries and
/// hedges are in flight at once: the greater of `min_concurrent` and `max_concurrent_ratio` of the calls in
/// flight (as Envoy's retry budget).
struct RetryThrottling {
  double max_tokens = 10;             ///< 0.001 to 1000; counted in thousandths
  double token_ratio = 0.1;           ///< 0.001 or more; counted in thousandths
  int min_concurrent = 3;             ///< 0 or more
  double max_concurrent_ratio = 0.2;  ///< 0 to 1
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
