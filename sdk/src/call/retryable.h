#pragma once

#include <absl/status/status.h>

#include "dispatchctl/call_report.h"

namespace dispatchctl::internal {

// True when the same call may succeed if it is made again later.
inline bool IsRetryable(absl::StatusCode code, Phase phase, Origin origin) {
  // A certificate that does not verify will not verify in a second either.
  if (phase == Phase::kTls || phase == Phase::kArguments) return false;
  // A limit of this side stays what it is.
  if (code == absl::StatusCode::kResourceExhausted && origin == Origin::kLocal) return false;
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
      return true;
    default:
      return false;
  }
}

}  // namespace dispatchctl::internal
