#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// How often progress is drawn: often enough to seem to move.
inline constexpr std::chrono::milliseconds kProgressInterval{250};

/// Units a second over the last two seconds or so. Pure: the time is passed in.
class RecentRate {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `count` is what there is in all by `now`. Returns the rate.
  double Update(TimePoint now, std::uint64_t count);

 private:
  struct Sample {
    TimePoint time;
    std::uint64_t count = 0;
  };
  std::deque<Sample> samples_;
};

/// "[#####     ]  50 %  1,234,567 results  61,728/s", the bar and the share only where `share` (0 to 1) is
/// known; as much of it as fits on a line of `columns`.
std::string ProgressText(std::uint64_t count, std::string_view what, double rate, std::optional<double> share,
                         std::size_t columns);

}  // namespace dispatchctl::cli
