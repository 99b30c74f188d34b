#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <optional>

#include "call/retry_state.h"
#include "contract/pushback.h"

namespace dispatchctl::internal {

// What a server says of an attempt.
inline AttemptFailure Failure(absl::StatusCode code) {
  AttemptFailure failure{code};
  failure.from_server = true;
  return failure;
}

inline AttemptFailure WithPushback(absl::StatusCode code, std::optional<std::chrono::milliseconds> delay) {
  AttemptFailure failure = Failure(code);
  failure.pushback = Pushback{delay};
  return failure;
}

}  // namespace dispatchctl::internal
