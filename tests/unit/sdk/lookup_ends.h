#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <optional>

#include "call/lookup_call.h"

namespace dispatchctl::internal {

// How a fake server ends a lookup.
inline AttemptEnd FromServer(absl::StatusCode code,
                             std::optional<std::chrono::milliseconds> pushback = std::nullopt) {
  return {absl::Status(code, "the server's words"), Phase::kCall, Origin::kServer, pushback};
}

inline const AttemptEnd kAnswer{absl::OkStatus(), Phase::kCall, Origin::kServer};
inline const AttemptEnd kUnavailable = FromServer(absl::StatusCode::kUnavailable);

// Sees that a call has ended.
class EndOfCall final : public LookupCallHandler {
 public:
  void OnCallDone(LookupCall&) override { done = true; }
  bool done = false;
};

}  // namespace dispatchctl::internal
