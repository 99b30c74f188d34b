#include "output/run_errors.h"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>

namespace dispatchctl::cli {

std::string_view SignalName(int signal) {
  switch (signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
    case SIGPIPE:
      return "SIGPIPE";
    default:
      return "a signal";
  }
}

ErrorReport InterruptedError(int signal, std::string_view rest) {
  ErrorReport error;
  error.kind = ErrorKind::kInterrupted;
  error.phase = "drain";
  error.signal = signal;
  error.message = fmt::format("interrupted by {}{}{}", SignalName(signal), rest.empty() ? "" : "; ", rest);
  return error;
}

std::optional<ErrorReport> OutputFailure(const RecordStream& records) {
  const int error_number = records.error_number();
  if (error_number == 0) return std::nullopt;
  ErrorReport error = OutputError("stdout", error_number);
  if (error_number == EPIPE) {
    error.signal = SIGPIPE;
    error.message.clear();
  }
  return error;
}

std::optional<ErrorReport> OutputFailure(const RecordStream& records, std::string_view file) {
  const int error_number = records.error_number();
  if (error_number == 0) return std::nullopt;
  return OutputError(file, error_number);
}

std::optional<ErrorReport> Gravest(const std::vector<ErrorReport>& errors) {
  if (errors.empty()) return std::nullopt;
  const ErrorReport* gravest = &errors.front();
  for (const ErrorReport& error : errors) gravest = &Graver(*gravest, error);
  return *gravest;
}

}  // namespace dispatchctl::cli
