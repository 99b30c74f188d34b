#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "call/retry_budget.h"
#include "call/retry_policy.h"

namespace dispatchctl::internal {

using Time = std::chrono::steady_clock::time_point;

// What a server says about the next attempt in `grpc-retry-pushback-ms`.
struct Pushback {
  std::optional<std::chrono::milliseconds> delay;  // unset: there must be none

  bool Forbids() const { return !delay || *delay < std::chrono::milliseconds::zero(); }
};

// `header_value`: unset where the server sent none. What is not a number of milliseconds, zero or more,
// forbids the retry (gRFC A6). Of several values a caller makes one that forbids it.
std::optional<Pushback> ParsePushback(std::optional<std::string_view> header_value);

struct AttemptFailure {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  bool from_server = false;        // the status came over the wire
  bool attempt_timed_out = false;  // its own bound ran out, not the call's
  bool never_retry = false;        // refused by this side, a reply too large, ...: would fail in the same way
  std::optional<Pushback> pushback = std::nullopt;
  bool charged = true;  // false: the budget has paid for it already, with another attempt's failure
};

// True when another attempt may fare better, budget and time aside.
//
// DEADLINE_EXCEEDED and CANCELLED that this side decided on mean the whole call, and its RESOURCE_EXHAUSTED
// means a limit of its own: none of them is retried, whatever the policy lists.
bool IsRetryable(const AttemptFailure& failure, const CallRetryPolicy& policy);

// One call's retries (gRFC A6). Knows no clock and no thread: used by one thread at a time, once per failure.
class RetryState {
 public:
  explicit RetryState(const CallRetryPolicy& policy) : policy_(policy) {}

  struct Decision {
    bool retry = false;
    std::chrono::nanoseconds delay{0};
    const char* reason = "";  // why not, for people
  };

  // `attempts`: made so far, this one included. `unit_random`: 0 to 1. Takes a token from the budget where
  // the failure is retryable or the server asks not to be tried again; room for the retry in flight is the
  // caller's to acquire when it starts it. A no is final: the call ends with this failure.
  Decision OnFailure(const AttemptFailure& failure, int attempts, RetryBudget& budget, Time now,
                     Time deadline, double unit_random);

 private:
  const CallRetryPolicy policy_;
  int backoffs_ = 0;  // since the start, or since a server named the delay
};

}  // namespace dispatchctl::internal
