#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// How far a call came. For a failed call: where it broke.
enum class Phase { kArguments, kResolve, kConnect, kTls, kCall, kStream, kDrain };

/// Who decided on the final status.
enum class Origin { kLocal, kServer };

/// "args", "resolve", "connect", "tls", "call", "stream" or "drain".
DISPATCHCTL_EXPORT std::string_view PhaseName(Phase phase);

/// "local" or "server".
DISPATCHCTL_EXPORT std::string_view OriginName(Origin origin);

/// One attempt of a call.
struct AttemptReport {
  std::string endpoint;                 ///< address, as CallReport::endpoint
  absl::Status status;                  ///< CANCELLED: another attempt's answer made this one needless
  std::chrono::nanoseconds started{0};  ///< since the call's start
  std::chrono::nanoseconds elapsed{0};  ///< from its start to its end
  bool hedge = false;                   ///< sent while an earlier one was still under way
};

/// How a result came about.
struct CallReport {
  int attempts = 0;      ///< sent to an endpoint, the answering one included
  std::string endpoint;  ///< address of the last attempt, e.g. "127.0.0.1:50051"; empty: none was made
  std::chrono::nanoseconds elapsed{0};  ///< of the whole call
  Phase phase = Phase::kArguments;      ///< where the call ended
  Origin origin = Origin::kLocal;       ///< of the final status
  bool retryable = false;               ///< the same call may succeed when made again later
  /// How long the server asked to wait before the next call, with the error that ended this one
  /// (`grpc-retry-pushback-ms`). Unset: it said nothing, or that there must be no retry.
  std::optional<std::chrono::milliseconds> retry_after;
  int hedges = 0;      ///< of the attempts, those that were hedges
  bool stale = false;  ///< answered from what was known before; see stale_age and stale_error
  std::chrono::nanoseconds stale_age{0};  ///< since the server gave that answer
  absl::Status stale_error;               ///< what the answer stands in for
  int breaker_refusals = 0;               ///< endpoints passed over because their breaker was open
  /// Every attempt, oldest first; empty when the first one answered.
  std::vector<AttemptReport> history;
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
