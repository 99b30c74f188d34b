#include "output/progress_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

constexpr std::chrono::seconds kRateSpan{2};
constexpr std::size_t kBarWidth = 20;

}  // namespace

double RecentRate::Update(TimePoint now, std::uint64_t count) {
  samples_.push_back({.time = now, .count = count});
  while (samples_.size() > 2 && now - samples_[1].time >= kRateSpan) samples_.pop_front();
  const Sample& first = samples_.front();
  const double seconds = std::chrono::duration<double>(now - first.time).count();
  return seconds > 0 ? static_cast<double>(count - first.count) / seconds : 0.0;
}

std::string ProgressText(std::uint64_t count, std::string_view what, double rate, std::optional<double> share,
                         std::size_t columns) {
  std::string text;
  if (share.has_value()) {
    // Done is done: it says so only then.
    const auto filled = static_cast<std::size_t>(*share * static_cast<double>(kBarWidth));
    const auto percent = static_cast<int>(std::floor(*share * 100.0));
    text =
        fmt::format("[{:<{}}] {:>3} %  ", std::string(std::min(filled, kBarWidth), '#'), kBarWidth, percent);
  }
  text += fmt::format("{} {}  {}/s", Grouped(count), what,
                      Grouped(static_cast<std::uint64_t>(std::llround(rate))));
  // A line that is full wraps, and cannot be erased any more.
  if (columns != 0 && text.size() >= columns) text.resize(columns - 1);
  return text;
}

}  // namespace dispatchctl::cli
