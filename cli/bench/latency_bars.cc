#include "bench/latency_bars.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;

constexpr double kEvenSpan = 4.0;
// A histogram knows its values to some tenths of a percent.
constexpr double kFinestStep = 0.01;
constexpr double kDecade = 10.0;

constexpr std::array kFine{1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0};
constexpr std::array kMiddling{1.0, 1.5, 2.0, 3.0, 5.0, 7.0};
constexpr std::array kCoarse{1.0, 2.0, 5.0};
constexpr std::array kDecades{1.0};

nanoseconds FromDouble(double value) {
  return nanoseconds(static_cast<std::int64_t>(std::llround(value)));
}

// Ends of bars from the last one at or below `least` to the first one above `most`.
std::vector<nanoseconds> Decades(nanoseconds least, nanoseconds most, std::span<const double> steps) {
  std::vector<nanoseconds> ends;
  // Below a microsecond there is nothing to tell apart.
  for (double decade = 1e3;; decade *= kDecade) {
    for (const double step : steps) {
      const nanoseconds end = FromDouble(decade * step);
      if (end <= least) ends.clear();
      if (ends.empty() && end > least) ends.emplace_back(0);
      ends.push_back(end);
      if (end > most) return ends;
    }
  }
}

std::vector<nanoseconds> Even(nanoseconds least, nanoseconds most, std::size_t bars) {
  const double rough = std::max({static_cast<double>((most - least).count()) / static_cast<double>(bars - 2),
                                 static_cast<double>(least.count()) * kFinestStep, 1.0});
  const double decade = std::pow(kDecade, std::floor(std::log10(rough)));
  double step = decade * kDecade;
  for (const double candidate : {decade * 5.0, decade * 2.0, decade}) {
    if (candidate >= rough) step = candidate;
  }
  std::vector<nanoseconds> ends;
  for (double end = std::floor(static_cast<double>(least.count()) / step) * step;; end += step) {
    ends.push_back(FromDouble(end));
    if (ends.back() > most) return ends;
  }
}

std::vector<nanoseconds> Ends(const LatencyHistogram& histogram, std::size_t most) {
  const nanoseconds shortest = histogram.min();
  const nanoseconds longest = histogram.max();
  if (static_cast<double>(longest.count()) < kEvenSpan * static_cast<double>(shortest.count())) {
    return Even(shortest, longest, most);
  }
  for (const std::span<const double> steps :
       {std::span<const double>(kFine), std::span<const double>(kMiddling),
        std::span<const double>(kCoarse)}) {
    std::vector<nanoseconds> ends = Decades(shortest, longest, steps);
    if (ends.size() <= most + 1) return ends;
  }
  return Decades(shortest, longest, kDecades);
}

}  // namespace

std::vector<LatencyBar> LatencyBars(const LatencyHistogram& histogram, std::size_t most) {
  std::vector<LatencyBar> bars;
  if (histogram.count() == 0) return bars;
  const std::vector<nanoseconds> ends = Ends(histogram, most);
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) bars.push_back({.from = ends[i], .to = ends[i + 1]});
  auto bar = bars.begin();
  for (const auto& [latency, count] : histogram.Buckets()) {
    while (latency >= bar->to) ++bar;
    bar->count += count;
  }
  return bars;
}

std::string DrawBar(double share, std::size_t width, bool unicode) {
  static constexpr std::array kEighths{"",       "\u258f", "\u258e", "\u258d",
                                       "\u258c", "\u258b", "\u258a", "\u2589"};
  std::string bar;
  if (!(share > 0.0)) return bar;
  const double columns = std::min(share, 1.0) * static_cast<double>(width);
  if (!unicode) {
    bar.assign(std::max<std::size_t>(static_cast<std::size_t>(std::lround(columns)), 1), '#');
    return bar;
  }
  const auto eighths = std::max<std::size_t>(static_cast<std::size_t>(std::lround(columns * 8.0)), 1);
  for (std::size_t i = 0; i < eighths / 8; ++i) bar += "\u2588";
  bar += kEighths[eighths % 8];
  return bar;
}

}  // namespace dispatchctl::cli
