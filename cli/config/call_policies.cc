#include "config/call_policies.h"

#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <string>

#include "config/small_file.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kFileKind = "service config";

template <class Value>
std::optional<Value> FirstOf(const std::optional<Value>& first, const std::optional<Value>& second) {
  return first.has_value() ? first : second;
}

}  // namespace

absl::StatusOr<ServiceConfig> ReadServiceConfig(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadSmallFile(kFileKind, path);
  if (!text.ok()) return text.status();
  absl::StatusOr<ServiceConfig> config = ParseServiceConfig(*text);
  if (config.ok()) return config;
  return absl::FailedPreconditionError(
      fmt::format("{} {}: {}", kFileKind, path, std::string(config.status().message())));
}

void ApplyCallPolicies(const GlobalOptions& global, const ServiceConfig& config, ClientOptions& options) {
  CallOptions& call = options.call_defaults;
  call.total_timeout = FirstOf(global.timeout, config.timeout);
  call.attempt_timeout = global.attempt_timeout;
  call.wait_for_ready = FirstOf(global.wait_for_ready, config.wait_for_ready);
  call.retry = config.retry;
  if (global.max_attempts.has_value()) {
    if (!call.retry.has_value()) call.retry.emplace();
    call.retry->max_attempts = *global.max_attempts;
  }
  call.hedging = global.hedge;
  if (config.throttling.has_value()) options.throttling = *config.throttling;
  const std::optional<LoadBalancing> policy = FirstOf(global.load_balancing, config.load_balancing);
  if (policy.has_value()) options.load_balancing = *policy;
  options.fallback.stale_if_error = global.stale_if_error;
}

}  // namespace dispatchctl::cli
