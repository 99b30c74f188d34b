#include "output/error_report.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

constexpr int kExitInternal = 1;
constexpr int kExitUsage = 2;
constexpr int kExitConfig = 3;
constexpr int kExitInput = 4;
constexpr int kExitNeverConnected = 5;
constexpr int kExitPartial = 6;
constexpr int kExitNegative = 7;
constexpr int kExitUnacknowledged = 8;
constexpr int kExitStatusBase = 64;
constexpr int kExitSignalBase = 128;

ErrorReport LocalError(ErrorKind kind, std::string_view phase, std::string message, std::string hint) {
  ErrorReport error;
  error.kind = kind;
  error.phase = phase;
  error.message = std::move(message);
  error.hint = std::move(hint);
  return error;
}

// Higher decides.
int Gravity(const ErrorReport& error) {
  if (error.signal != 0) return 9;
  switch (error.kind) {
    case ErrorKind::kInterrupted:
      return 9;
    case ErrorKind::kOutput:
    case ErrorKind::kInternal:
      return 8;
    case ErrorKind::kUsage:
    case ErrorKind::kConfig:
      return 7;
    case ErrorKind::kRpc:
    case ErrorKind::kConnect:
      return 6;
    case ErrorKind::kStream:
      return 5;
    case ErrorKind::kInput:
      return 4;
    case ErrorKind::kPartial:
      return 3;
    case ErrorKind::kNegative:
      return 2;
  }
  return 0;
}

nlohmann::ordered_json TextOrNull(std::string_view text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(std::string(text));
}

nlohmann::ordered_json ErrorObject(const ErrorReport& error) {
  nlohmann::ordered_json object;
  object["kind"] = ErrorKindName(error.kind);
  object["code"] = nullptr;
  object["number"] = nullptr;
  if (error.code.has_value()) {
    object["code"] = StatusCodeName(*error.code);
    object["number"] = static_cast<int>(*error.code);
  }
  object["message"] = error.message;
  object["phase"] = error.phase;
  object["origin"] = OriginName(error.origin);
  object["method"] = TextOrNull(error.method);
  object["target"] = TextOrNull(error.target);
  object["peer"] = TextOrNull(error.peer);
  object["attempts"] = nullptr;
  if (error.attempts.has_value()) object["attempts"] = *error.attempts;
  object["elapsed_ms"] = nullptr;
  if (error.elapsed_ms.has_value()) object["elapsed_ms"] = std::round(*error.elapsed_ms * 1000.0) / 1000.0;
  object["retryable"] = error.retryable;
  nlohmann::ordered_json details = nlohmann::ordered_json::array();
  for (const auto& [type, value] : error.details) {
    std::string encoded;
    absl::Base64Escape(absl::string_view(value.data(), value.size()), &encoded);
    details.push_back(nlohmann::ordered_json{{"type", type}, {"value_base64", encoded}});
  }
  object["details"] = std::move(details);
  object["hint"] = TextOrNull(error.hint);
  return object;
}

std::string Dump(const nlohmann::ordered_json& object) {
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

std::string_view ErrorKindName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return "usage";
    case ErrorKind::kConfig:
      return "config";
    case ErrorKind::kInput:
      return "input";
    case ErrorKind::kConnect:
      return "connect";
    case ErrorKind::kRpc:
      return "rpc";
    case ErrorKind::kStream:
      return "stream";
    case ErrorKind::kPartial:
      return "partial";
    case ErrorKind::kNegative:
      return "negative";
    case ErrorKind::kOutput:
      return "output";
    case ErrorKind::kInterrupted:
      return "interrupted";
    case ErrorKind::kInternal:
      break;
  }
  return "internal";
}

std::string StatusCodeName(absl::StatusCode code) {
  std::string name = absl::StatusCodeToString(code);
  return name.empty() ? "UNKNOWN" : name;
}

ErrorReport UsageError(std::string message, std::string hint) {
  return LocalError(ErrorKind::kUsage, "args", std::move(message), std::move(hint));
}

ErrorReport ConfigError(std::string message, std::string hint) {
  return LocalError(ErrorKind::kConfig, "args", std::move(message), std::move(hint));
}

ErrorReport InputError(std::string message, std::string hint) {
  return LocalError(ErrorKind::kInput, "args", std::move(message), std::move(hint));
}

ErrorReport OutputError(std::string_view file, int error_number) {
  return LocalError(ErrorKind::kOutput, "output",
                    fmt::format("cannot write to {}: {}", file, std::strerror(error_number)), {});
}

ErrorReport InternalError(std::string message) {
  return LocalError(ErrorKind::kInternal, "args", std::move(message), {});
}

int ExitCodeOf(const ErrorReport& error) {
  if (error.signal != 0) return kExitSignalBase + error.signal;
  switch (error.kind) {
    case ErrorKind::kUsage:
      return kExitUsage;
    case ErrorKind::kConfig:
      return kExitConfig;
    case ErrorKind::kInput:
      return kExitInput;
    case ErrorKind::kConnect:
      return kExitNeverConnected;
    case ErrorKind::kRpc:
      return kExitStatusBase + static_cast<int>(error.code.value_or(absl::StatusCode::kUnknown));
    case ErrorKind::kStream:
      return kExitUnacknowledged;
    case ErrorKind::kPartial:
      return kExitPartial;
    case ErrorKind::kNegative:
      return kExitNegative;
    case ErrorKind::kInterrupted:
      return kExitSignalBase + SIGINT;
    case ErrorKind::kOutput:
    case ErrorKind::kInternal:
      break;
  }
  return kExitInternal;
}

const ErrorReport& Graver(const ErrorReport& a, const ErrorReport& b) {
  return Gravity(b) > Gravity(a) ? b : a;
}

void AppendErrorObject(std::string& out, const ErrorReport& error) {
  out += Dump(ErrorObject(error));
}

std::string TerminalErrorJson(const ErrorReport& error) {
  nlohmann::ordered_json object;
  object["error"] = ErrorObject(error);
  object["exit_code"] = ExitCodeOf(error);
  object["v"] = 1;
  return Dump(object) + "\n";
}

std::string TerminalErrorText(std::string_view command, const ErrorReport& error, bool color) {
  const std::string_view red = color ? "\x1b[1;31m" : "";
  const std::string_view dim = color ? "\x1b[36m" : "";
  const std::string_view reset = color ? "\x1b[0m" : "";
  std::string out = fmt::format("{}dispatchctl:{} ", red, reset);
  if (!command.empty()) out += fmt::format("{}: ", command);
  AppendPrintable(out, error.message);
  if (error.code.has_value()) out += fmt::format(" ({})", StatusCodeName(*error.code));
  out += '\n';
  if (!error.hint.empty()) {
    out += fmt::format("{}hint:{} ", dim, reset);
    AppendPrintable(out, error.hint);
    out += '\n';
  }
  return out;
}

}  // namespace dispatchctl::cli
