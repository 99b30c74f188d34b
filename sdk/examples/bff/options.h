#pragma once

#include <dispatchctl/client_options.h>

#include <chrono>
#include <optional>
#include <string>

#include "http/server.h"
#include "mapping/call_context.h"

namespace bff {

/// What the command line says.
struct Options {
  std::string host = "127.0.0.1";
  int port = 8080;  ///< 0: any that is free
  dispatchctl::ClientOptions client;
  HttpServerOptions http;
  TimeoutLimits lookup_limits{.standard = std::chrono::seconds(2), .longest = std::chrono::seconds(30)};
  TimeoutLimits stream_limits{.standard = std::nullopt, .longest = std::chrono::hours(24)};
  std::chrono::milliseconds shutdown_delay{0};
  std::chrono::milliseconds grace{5000};
};

/// Reads the command line; prints help or what is wrong with it, and sets `exit_code`, where there is nothing
/// more to do.
std::optional<Options> ParseCommandLine(int argc, char** argv, int* exit_code);

}  // namespace bff
