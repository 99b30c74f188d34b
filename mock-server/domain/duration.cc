#include "mock-server/domain/duration.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace dispatchctl::mock {

absl::StatusOr<std::chrono::microseconds> ParseDuration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double microseconds;
  };
  constexpr std::array kUnits = {Unit{"us", 1}, Unit{"ms", 1e3}, Unit{"s", 1e6}, Unit{"m", 60e6},
                                 Unit{"h", 3600e6}};
  // About 31 years: enough, and far from any overflow.
  constexpr double kLongest = 1e15;

  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !(number >= 0)) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is not a duration; use for example 250ms, 5s or 1m", text));
  }
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    const double microseconds = std::round(number * unit.microseconds);
    if (microseconds > kLongest) return absl::InvalidArgumentError(fmt::format("'{}' is too long", text));
    return std::chrono::microseconds(static_cast<std::int64_t>(microseconds));
  }
  if (name.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' has no unit; use for example {}ms or {}s", text, text, text));
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' has the unknown unit '{}'; use us, ms, s, m or h", text, name));
}

}  // namespace dispatchctl::mock
