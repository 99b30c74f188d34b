#include "config/duration.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

namespace dispatchctl::cli {
namespace {

// Longest spelling first, so that "ms" is not read as "m".
constexpr std::array<std::pair<std::string_view, double>, 6> kTimeUnits{
    {{"ns", 1.0}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}}};

absl::Status MalformedDuration() {
  return absl::InvalidArgumentError("not a duration: expected a number with a unit, such as 250ms, 5s or 1m");
}

}  // namespace

absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  if (text.empty()) return MalformedDuration();
  double total = 0.0;
  while (!text.empty()) {
    if (text.front() < '0' || text.front() > '9') return MalformedDuration();
    double number = 0.0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc{}) return MalformedDuration();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.empty()) {
      return absl::InvalidArgumentError("a duration needs a unit: ms, s, m or h, such as 250ms, 5s or 1m");
    }
    double scale = 0.0;
    for (const auto& [name, nanoseconds] : kTimeUnits) {
      if (text.substr(0, name.size()) == name) {
        scale = nanoseconds;
        text.remove_prefix(name.size());
        break;
      }
    }
    if (scale == 0.0) return MalformedDuration();
    total += number * scale;
  }
  if (total >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) {
    return absl::InvalidArgumentError("the duration is too long");
  }
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::llround(total)));
}

}  // namespace dispatchctl::cli
