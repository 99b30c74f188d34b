#include "call/retry_policy.h"

namespace dispatchctl::internal {

CallRetryPolicy Compile(const RetryPolicy& policy) {
  CallRetryPolicy out;
  out.max_attempts = policy.max_attempts;
  out.initial_backoff = policy.initial_backoff;
  out.max_backoff = policy.max_backoff;
  out.backoff_multiplier = policy.backoff_multiplier;
  out.retryable_codes = 0;
  for (absl::StatusCode code : policy.retryable_codes) out.retryable_codes |= CodeBit(code);
  return out;
}

}  // namespace dispatchctl::internal
