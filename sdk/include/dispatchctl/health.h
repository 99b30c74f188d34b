#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string>
#include <string_view>

#include "dispatchctl/call_report.h"
#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// What a server says of a service, as grpc.health.v1 has it (gRPC's "GRPC Health Checking Protocol").
enum class ServingStatus {
  kUnknown,
  kServing,
  kNotServing,
  kServiceUnknown,  ///< the server answers health checks, but knows no service of that name
};

/// "UNKNOWN", "SERVING", "NOT_SERVING" or "SERVICE_UNKNOWN".
DISPATCHCTL_EXPORT std::string_view ServingStatusName(ServingStatus status);

/// Which service is asked for, and how long answers may take.
struct HealthOptions {
  std::string service = {};  ///< empty: the server as a whole

  /// Bound of resolving, connecting and asking together; more than zero.
  std::chrono::nanoseconds timeout{std::chrono::seconds(5)};
};

/// What one endpoint says, or why it does not.
struct EndpointHealth {
  /// Errors: UNIMPLEMENTED when the server offers no health checks; else as a lookup's.
  absl::StatusOr<ServingStatus> status;
  CallReport report;  ///< which endpoint it is, how long it took, where it broke
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
