#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "output/latency_histogram.h"

namespace dispatchctl::cli {

/// How many latencies are in [from, to).
struct LatencyBar {
  std::chrono::nanoseconds from{0};
  std::chrono::nanoseconds to{0};
  std::uint64_t count = 0;
};

/// Divides what a histogram holds at round numbers, from the shortest to the longest, into at most `most`
/// bars (10 or more): evenly where it spans less than a factor of four, else by the decade. Bars between
/// others may be empty. No bars for an empty histogram.
std::vector<LatencyBar> LatencyBars(const LatencyHistogram& histogram, std::size_t most);

/// `share` (0 to 1) of `width` columns as a bar, in eighths of a column with `unicode`, else of whole '#'.
/// Anything above zero is to be seen.
std::string DrawBar(double share, std::size_t width, bool unicode);

}  // namespace dispatchctl::cli
