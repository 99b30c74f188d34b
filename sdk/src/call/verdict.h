#pragma once

#include "endpoints/circuit_breaker.h"
#include "transport/channel.h"

namespace dispatchctl::internal {

// What the end of an attempt says of its endpoint (design: caller's errors are the endpoint's successes).
inline Verdict VerdictOf(const AttemptEnd& end) {
  // Whether an endpoint can be reached is its connection's state, which the balancer looks at; a certificate
  // or a name is not its health.
  if (end.phase != Phase::kCall && end.phase != Phase::kStream && end.phase != Phase::kDrain)
    return Verdict::kExcluded;
  switch (end.status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kAborted:
      return Verdict::kSuccess;
    case absl::StatusCode::kCancelled:
      return Verdict::kExcluded;
    case absl::StatusCode::kResourceExhausted:
      // Of gRPC here: a reply that is larger than this client takes.
      return end.origin == Origin::kServer ? Verdict::kFailure : Verdict::kExcluded;
    default:
      return Verdict::kFailure;
  }
}

}  // namespace dispatchctl::internal
