#include "mock-server/main/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace dispatchctl::mock {
namespace {

std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool StandsOut(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '='; });
}

std::string Text(LogFormat format, const LogField& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value))
    return format == LogFormat::kText && StandsOut(*text) ? std::string(*text) : Quoted(*text);
  if (const auto* number = std::get_if<double>(&field.value)) return fmt::format("{:.3f}", *number);
  return fmt::to_string(std::get<std::int64_t>(field.value));
}

spdlog::level::level_enum Severity(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

std::string LogText(LogFormat format, std::string_view message, std::span<const LogField> fields) {
  std::string text = format == LogFormat::kJson ? "\"message\":" + Quoted(message) : std::string(message);
  for (const LogField& field : fields) {
    if (format == LogFormat::kJson) {
      fmt::format_to(std::back_inserter(text), ",{}:{}", Quoted(field.name), Text(format, field));
    } else {
      fmt::format_to(std::back_inserter(text), " {}={}", field.name, Text(format, field));
    }
  }
  if (format == LogFormat::kJson) text += '}';
  return text;
}

Log::Log(LogFormat format)
    : format_(format),
      logger_(std::make_shared<spdlog::logger>("dispatch-mock",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->set_pattern(format == LogFormat::kJson ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v)"
                                                    : "%Y-%m-%dT%H:%M:%S.%eZ %l %v");
  logger_->set_formatter(std::move(formatter));
  logger_->flush_on(spdlog::level::info);
}

void Log::Write(LogLevel level, std::string_view message, std::span<const LogField> fields) const {
  logger_->log(Severity(level), spdlog::string_view_t(LogText(format_, message, fields)));
}

}  // namespace dispatchctl::mock
