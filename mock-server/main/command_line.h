#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mock-server/server/mock_server.h"

namespace dispatchctl::mock {

enum class LogFormat { kText, kJson };

// Which calls are worth a log line.
enum class LoggedCalls { kNone, kFailed, kAll };

// `dispatch-mock serve` as asked for on the command line.
struct ServeCommand {
  MockServerOptions server;
  std::string couriers_path;
  std::string scenario_path;
  std::string ready_file;
  std::chrono::microseconds grace{std::chrono::seconds(5)};
  // Empty: no metrics.
  std::string metrics;
  LogFormat log_format = LogFormat::kText;
  LoggedCalls log_calls = LoggedCalls::kNone;
};

// `dispatch-mock check`.
struct CheckCommand {
  std::vector<std::string> paths;
};

enum class CtlAction { kReset, kFaults, kScenario, kCalls, kVerify, kHealth, kGoaway, kStop };

// `dispatch-mock ctl`.
struct CtlCommand {
  CtlAction action = CtlAction::kCalls;
  std::string admin;
  // Empty: the calls that name none.
  std::string session;
  bool json = false;
  std::chrono::microseconds timeout{std::chrono::seconds(5)};
  // Every session.
  bool all = false;
  // Faults or scenarios.
  bool clear = false;
  std::vector<std::string> set;
  std::vector<std::string> add;
  std::string scenario_path;
  std::vector<std::string> expectations;
  bool in_order = false;
  bool nothing_else = false;
  std::optional<bool> serving;
  std::vector<std::string> services;
  std::optional<std::uint64_t> listen;
};

// The process is to end with this code: help was printed, or a usage error.
struct ExitNow {
  int code;
};

std::variant<ServeCommand, CheckCommand, CtlCommand, ExitNow> ParseCommandLine(int argc,
                                                                               const char* const* argv);

}  // namespace dispatchctl::mock
