#pragma once

#include <spdlog/logger.h>

#include <memory>

#include "mock-server/main/command_line.h"

namespace dispatchctl::mock {

// Logs to stderr, one line per record. Safe to use from several threads.
std::shared_ptr<spdlog::logger> MakeLogger(LogFormat format);

}  // namespace dispatchctl::mock
