#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dispatchctl::cli {

enum class ErrorKind {
  kUsage,
  kConfig,
  kInput,
  kConnect,
  kRpc,
  kStream,
  kPartial,
  kNegative,
  kOutput,
  kInterrupted,
  kInternal,
};

/// "usage", "config", ... as the error object has it.
std::string_view ErrorKindName(ErrorKind kind);

/// Everything that can be said of one failure, whether of a record or of the whole command. What does not
/// apply stays empty and is shown as null.
struct ErrorReport {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
  std::string_view phase = "call";
  Origin origin = Origin::kLocal;
  std::optional<absl::StatusCode> code;
  std::string method;
  std::string target;
  std::string peer;
  std::optional<int> attempts;
  std::optional<double> elapsed_ms;
  bool retryable = false;
  std::vector<std::pair<std::string, std::string>> details;  ///< type and raw value
  std::string hint;
  int signal = 0;  ///< the signal behind kInterrupted, or SIGPIPE behind kOutput
};

/// "NOT_FOUND" and so on; codes beyond gRPC's become "UNKNOWN".
std::string StatusCodeName(absl::StatusCode code);

ErrorReport UsageError(std::string message, std::string hint = {});
ErrorReport ConfigError(std::string message, std::string hint = {});
ErrorReport InputError(std::string message, std::string hint = {});
ErrorReport OutputError(std::string_view file, int error_number);
ErrorReport InternalError(std::string message);

/// The exit status the table in exit-codes has for this error alone.
int ExitCodeOf(const ErrorReport& error);

/// Of two errors of one run, the one that decides the exit status:
/// signal > output > gRPC status, never connected > 8 > bad input > 6 > 7. The first wins among equals.
const ErrorReport& Graver(const ErrorReport& a, const ErrorReport& b);

/// Appends the inner error object: {"kind":...,"hint":...}.
void AppendErrorObject(std::string& out, const ErrorReport& error);

/// The terminal error as one line of JSON, newline included.
std::string TerminalErrorJson(const ErrorReport& error);

/// The terminal error for people: "dispatchctl: lookup: message (CODE)" and, where there is one, a hint line.
std::string TerminalErrorText(std::string_view command, const ErrorReport& error, bool color);

}  // namespace dispatchctl::cli
