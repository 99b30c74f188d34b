#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <optional>
#include <string_view>

#include "dispatchctl/export.h"
#include "dispatchctl/load_balancing.h"
#include "dispatchctl/retry.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// What a gRPC service config says of lookups.
struct ServiceConfig {
  std::optional<std::chrono::nanoseconds> timeout;  ///< of the whole call
  std::optional<bool> wait_for_ready;               ///< for CallOptions::wait_for_ready
  std::optional<RetryPolicy> retry;                 ///< for CallOptions::retry
  std::optional<RetryThrottling> throttling;        ///< for ClientOptions::throttling
  std::optional<LoadBalancing> load_balancing;      ///< for ClientOptions::load_balancing
};

/// Reads a gRPC service config, the JSON form of grpc.service_config.ServiceConfig: `methodConfig` (of which
/// the entry for dispatchpb.DispatchGateway/GetCourierStatus counts, else the service's, else the default
/// one) with `timeout`, `waitForReady` and `retryPolicy`; `retryThrottling`; `loadBalancingConfig` (its first
/// entry that is known) and `loadBalancingPolicy`. Other members are ignored, as gRPC does.
///
/// Errors: INVALID_ARGUMENT that names the member by its path ("methodConfig[0].retryPolicy.maxAttempts:
/// ...") or the line and column of broken JSON. An invalid policy makes the whole config invalid (gRFC A6).
DISPATCHCTL_EXPORT absl::StatusOr<ServiceConfig> ParseServiceConfig(std::string_view json);

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
