#pragma once

#include <spdlog/logger.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "mock-server/main/command_line.h"
#include "mock-server/server/mock_server.h"

namespace dispatchctl::mock {

// What a log line says besides its message.
struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, double> value;
};

// A line's text behind its time and level. As JSON: the rest of an object, "message":"...","name":value}. As
// text: the message and name=value, with values quoted as in JSON where they would not stand out otherwise.
std::string LogText(LogFormat format, std::string_view message, std::span<const LogField> fields);

// One line for each record. Safe to use from several threads.
class Log {
 public:
  // To stderr.
  explicit Log(LogFormat format);

  void Write(LogLevel level, std::string_view message, std::span<const LogField> fields = {}) const;

 private:
  const LogFormat format_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace dispatchctl::mock
