#include "text/quantity.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstddef>
#include <ratio>

namespace dispatchctl::cli {

std::string Plural(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string Grouped(std::uint64_t number) {
  constexpr std::ptrdiff_t kGroup = 3;
  std::string text = fmt::format_int(number).str();
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - kGroup; at > 0; at -= kGroup) {
    text.insert(text.begin() + at, ',');
  }
  return text;
}

std::string Milliseconds(std::chrono::nanoseconds time) {
  return fmt::format("{:.3f} ms", std::chrono::duration<double, std::milli>(time).count());
}

std::string Seconds(std::chrono::nanoseconds time) {
  return fmt::format("{:.3f} s", std::chrono::duration<double>(time).count());
}

std::string UtcDay(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::string UtcTime(std::chrono::system_clock::time_point time) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()) % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::floor<std::chrono::seconds>(time)), milliseconds.count());
}

}  // namespace dispatchctl::cli
