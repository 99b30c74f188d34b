#pragma once

#include <absl/status/statusor.h>
#include <dispatchctl/client_options.h>
#include <dispatchctl/service_config.h>

#include <string>

#include "config/options.h"

namespace dispatchctl::cli {

/// Reads the file of --service-config. Errors: FAILED_PRECONDITION naming the file, and in it the member.
absl::StatusOr<ServiceConfig> ReadServiceConfig(const std::string& path);

/// How lookups are made: an option beats the service config, which beats the SDK's own default.
void ApplyCallPolicies(const GlobalOptions& global, const ServiceConfig& config, ClientOptions& options);

}  // namespace dispatchctl::cli
