#include "output/rpc_error.h"

#include <absl/strings/cord.h>
#include <fmt/format.h>

#include <chrono>

#include "config/flag_names.h"
#include "output/hints.h"

namespace dispatchctl::cli {

ErrorReport RpcError(const absl::Status& status, const CallReport& report, const RpcIdentity& identity) {
  const bool never_connected =
      report.phase == Phase::kResolve || report.phase == Phase::kConnect || report.phase == Phase::kTls;
  // A file of this side keeps the call from being made.
  const bool unusable_file =
      report.phase == Phase::kArguments && status.code() == absl::StatusCode::kFailedPrecondition;
  ErrorReport error;
  error.kind = never_connected ? ErrorKind::kConnect : unusable_file ? ErrorKind::kConfig : ErrorKind::kRpc;
  error.message = std::string(status.message());
  if (unusable_file) error.message = WithFlagName(error.message);
  if (error.message.empty()) error.message = "the call failed, and nothing was said why";
  error.phase = PhaseName(report.phase);
  error.origin = report.origin;
  error.code = status.code();
  error.method = identity.method;
  error.target = identity.target;
  if (report.attempts > 0) error.peer = report.endpoint;
  error.attempts = report.attempts;
  error.elapsed_ms = std::chrono::duration<double, std::milli>(report.elapsed).count();
  error.retryable = report.retryable;
  status.ForEachPayload([&error](absl::string_view type, const absl::Cord& value) {
    error.details.emplace_back(std::string(type), std::string(value));
  });
  error.hint = HintFor({.phase = report.phase,
                        .code = status.code(),
                        .message = error.message,
                        .tls = identity.tls,
                        .target = identity.target,
                        .token_file = identity.token_file});
  return error;
}

ErrorReport LookupError(std::string_view courier_id, const absl::Status& status, const CallReport& report,
                        const RpcIdentity& identity) {
  ErrorReport error = RpcError(status, report, identity);
  if (error.kind == ErrorKind::kConnect || error.kind == ErrorKind::kConfig) return error;
  if (status.message().empty() && status.code() == absl::StatusCode::kNotFound) {
    error.message = fmt::format("courier {} not found", courier_id);
  } else if (error.message.find(courier_id) == std::string::npos) {
    error.message = fmt::format("courier {}: {}", courier_id, error.message);
  }
  return error;
}

bool ConnectionWasLost(const absl::Status& status, const CallReport& report) {
  if (status.code() != absl::StatusCode::kUnavailable) return false;
  if (report.origin == Origin::kLocal) return true;
  // gRPC hands out what its own transport says of a broken connection as if the server had said it.
  const absl::string_view message = status.message();
  for (const absl::string_view own :
       {"Socket closed", "Connection reset by peer", "Broken pipe", "Connection timed out",
        "keepalive watchdog timeout", "GOAWAY received"}) {
    if (message.find(own) != absl::string_view::npos) return true;
  }
  return false;
}

}  // namespace dispatchctl::cli
