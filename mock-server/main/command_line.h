#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "mock-server/server/mock_server.h"

namespace dispatchctl::mock {

enum class LogFormat { kText, kJson };

// `dispatch-mock serve` as asked for on the command line.
struct ServeCommand {
  MockServerOptions server;
  std::string couriers_path;
  std::string scenario_path;
  std::string ready_file;
  std::chrono::microseconds grace{std::chrono::seconds(5)};
  LogFormat log_format = LogFormat::kText;
};

// `dispatch-mock check`.
struct CheckCommand {
  std::vector<std::string> paths;
};

// The process is to end with this code: help was printed, or a usage error.
struct ExitNow {
  int code;
};

std::variant<ServeCommand, CheckCommand, ExitNow> ParseCommandLine(int argc, const char* const* argv);

}  // namespace dispatchctl::mock
