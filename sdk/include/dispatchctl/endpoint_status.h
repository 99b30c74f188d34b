#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dispatchctl/circuit_breaker.h"
#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// How the connection to an endpoint is, as gRPC's connectivity semantics have it.
enum class EndpointState { kIdle, kConnecting, kReady, kTransientFailure, kShutdown };

/// gRPC's names in lower case: "idle", "connecting", "ready", "transient_failure", "shutdown".
DISPATCHCTL_EXPORT std::string_view EndpointStateName(EndpointState state);

/// What a client knows of one endpoint at one moment.
struct EndpointStatus {
  std::string address;                           ///< e.g. "127.0.0.1:50051"
  EndpointState state = EndpointState::kIdle;    ///< of its connection
  BreakerState breaker = BreakerState::kClosed;  ///< of its breaker
  std::uint64_t in_flight = 0;                   ///< attempts
  std::uint64_t successes = 0;   ///< attempts that ended well for the endpoint, since the client was made
  std::uint64_t failures = 0;    ///< attempts that count against it, since the client was made
  std::uint64_t rejections = 0;  ///< attempts that its breaker did not let through
  /// Moving average of the last attempts' time from start to answer. Unset: none was answered yet.
  std::optional<std::chrono::nanoseconds> latency;
  /// Passed over for the moment, as others answer much faster (only with automatic hedging).
  bool slow = false;
  std::string last_error;  ///< of its last failed attempt; empty: none failed
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
