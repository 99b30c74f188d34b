#include "commands/client_setup.h"

#include <absl/status/statusor.h>
#include <dispatchctl/secret_file.h>
#include <dispatchctl/version.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "config/call_policies.h"
#include "config/flag_names.h"
#include "config/headers.h"
#include "telemetry/telemetry_settings.h"

namespace dispatchctl::cli {
namespace {

TransportSecurity SecurityOf(const GlobalOptions& global) {
  if (global.plaintext) return TransportSecurity::kPlaintext;
  if (global.tls) return TransportSecurity::kTls;
  return TransportSecurity::kAutomatic;
}

bool HasAuthorization(const Metadata& metadata) {
  return std::any_of(metadata.begin(), metadata.end(),
                     [](const auto& entry) { return entry.first == "authorization"; });
}

// Once, before anything is read from them.
void WarnOfOpenSecrets(const Console& console, const ClientOptions& options) {
  for (const std::string* path : {&options.tls.private_key_file, &options.token_file}) {
    if (path->empty()) continue;
    for (const std::string& warning : CheckSecretFile(*path)) console.Warn(warning);
  }
}

// What the environment says of traces and metrics.
void AddTelemetry(CommandContext& context, ClientOptions& options) {
  std::vector<std::string> warnings;
  options.call_defaults.trace_context = TraceContextOf(context.environment, warnings);
  const std::optional<TelemetrySignals> signals = WantedTelemetry(context.environment, warnings);
  for (const std::string& warning : warnings) context.console.Warn(warning);
  if (!signals.has_value()) return;
  context.telemetry = Telemetry::Start(*signals, context.console);
  if (context.telemetry != nullptr) options.observer = context.telemetry->observer();
}

std::chrono::milliseconds RoundUp(std::chrono::nanoseconds duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration);
}

}  // namespace

ErrorReport OptionError(const absl::Status& status) {
  std::string message = WithFlagName({status.message().data(), status.message().size()});
  if (status.code() == absl::StatusCode::kFailedPrecondition) return ConfigError(std::move(message));
  if (status.code() == absl::StatusCode::kInvalidArgument) return UsageError(std::move(message));
  return InternalError(std::move(message));
}

std::optional<ErrorReport> MakeClientOptions(const GlobalOptions& global, ClientOptions& options) {
  if (global.server.empty()) {
    return UsageError("no server given", "name one with -s HOST:PORT, in DISPATCHCTL_SERVER or in a context");
  }
  if (global.certificate_file.empty() != global.private_key_file.empty()) {
    return UsageError("--cert and --key go together");
  }
  absl::StatusOr<Metadata> metadata = ReadHeaders(global.headers);
  if (!metadata.ok()) return OptionError(metadata.status());
  if (!global.service_config_file.empty()) {
    const absl::StatusOr<ServiceConfig> config = ReadServiceConfig(global.service_config_file);
    if (!config.ok()) return OptionError(config.status());
    ApplyCallPolicies(global, *config, options);
  } else {
    ApplyCallPolicies(global, {}, options);
  }

  if (!global.token_file.empty() && HasAuthorization(*metadata)) {
    return UsageError("--token-file and a header with an authorization exclude each other");
  }

  options.target = global.server;
  options.security = SecurityOf(global);
  options.tls = TlsOptionsOf(global);
  options.token_file = global.token_file;
  options.authority = global.authority;
  options.connect_timeout = RoundUp(global.connect_timeout);
  if (global.keepalive.has_value()) options.keepalive_time = RoundUp(*global.keepalive);
  options.max_receive_bytes = global.max_recv_bytes;
  options.user_agent = fmt::format("dispatchctl/{}", kVersion);
  options.call_defaults.metadata = *std::move(metadata);
  return std::nullopt;
}

std::optional<ErrorReport> ConnectClient(CommandContext& context, ClientOptions options) {
  const GlobalOptions& global = context.line.global;
  if (global.plaintext && !IsLocalTarget(global.server)) {
    context.console.Warn(
        fmt::format("plaintext to {}: anyone on the way can read and change it", global.server));
  }
  WarnOfOpenSecrets(context.console, options);
  AddTelemetry(context, options);
  options.on_warning = [&console = context.console](std::string_view text) {
    console.Warn(WithFlagName(text));
  };
  absl::StatusOr<Client> client = Client::Create(std::move(options));
  if (!client.ok()) return OptionError(client.status());
  context.client = *std::move(client);
  return std::nullopt;
}

std::optional<ErrorReport> OpenTrace(CommandContext& context) {
  const GlobalOptions& global = context.line.global;
  if (global.trace_file.empty()) return std::nullopt;
  context.trace = std::make_unique<TraceFile>();
  return context.trace->Open(global.trace_file, global.server);
}

CommandResult ConcludeTrace(CommandContext& context, CommandResult result) {
  if (context.trace == nullptr) return result;
  std::optional<ErrorReport> error = context.trace->Finish();
  if (!error.has_value() || !result.has_value()) return error.has_value() ? error : result;
  return Graver(*result, *error);
}

bool UsesTls(const GlobalOptions& global) {
  if (global.plaintext) return false;
  return global.tls || !IsLocalTarget(global.server);
}

TlsOptions TlsOptionsOf(const GlobalOptions& global) {
  // Certificates may stand in the environment for all targets, plaintext ones included.
  if (!UsesTls(global)) return {};
  return {.ca_file = global.ca_file,
          .certificate_file = global.certificate_file,
          .private_key_file = global.private_key_file,
          .server_name = global.server_name};
}

RpcIdentity IdentityOf(const GlobalOptions& global, std::string_view method) {
  return {.method = method, .target = global.server, .tls = UsesTls(global), .token_file = global.token_file};
}

}  // namespace dispatchctl::cli
