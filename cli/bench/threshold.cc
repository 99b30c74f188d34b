#include "bench/threshold.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>
#include <utility>

#include "bench/report.h"
#include "config/duration.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;
using Metric = Threshold::Metric;
using Comparison = Threshold::Comparison;

constexpr double kHundredPerCent = 100.0;

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<double> Number(std::string_view text) {
  double number = 0.0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc{} || stop != end || !(number >= 0.0)) return std::nullopt;
  return number;
}

absl::Status Expected(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("expected {}", what));
}

absl::Status Malformed() {
  return Expected(
      "METRIC<VALUE, also with <=, > or >=: such as p99<20ms, mean<5ms, max<1s, errors<0.1%, errors<=3 or "
      "rate>=9900/s");
}

absl::Status ReadMetric(std::string_view text, Threshold& threshold) {
  static constexpr std::pair<std::string_view, Metric> kNames[]{{"mean", Metric::kMean},
                                                                {"min", Metric::kMin},
                                                                {"max", Metric::kMax},
                                                                {"errors", Metric::kErrorCount},
                                                                {"rate", Metric::kRate}};
  for (const auto& [name, metric] : kNames) {
    if (name != text) continue;
    threshold.metric = metric;
    return absl::OkStatus();
  }
  if (text.empty() || text.front() != 'p') return Malformed();
  const std::optional<double> percentile = Number(text.substr(1));
  if (!percentile.has_value() || *percentile <= 0.0 || *percentile > kHundredPerCent) {
    return Expected("a percentile above 0 and up to 100, such as p99.9");
  }
  threshold.metric = Metric::kPercentile;
  threshold.percentile = *percentile;
  return absl::OkStatus();
}

absl::Status ReadBound(std::string_view text, Threshold& threshold) {
  switch (threshold.metric) {
    case Metric::kErrorShare:
    case Metric::kErrorCount: {
      const bool share = !text.empty() && text.back() == '%';
      if (share) text.remove_suffix(1);
      const std::optional<double> number = Number(Trimmed(text));
      if (!number.has_value()) return Expected("errors to be held to a number or a percentage: errors<0.1%");
      threshold.metric = share ? Metric::kErrorShare : Metric::kErrorCount;
      threshold.bound = share ? *number / kHundredPerCent : *number;
      return absl::OkStatus();
    }
    case Metric::kRate: {
      if (text.ends_with("/s")) text.remove_suffix(2);
      const std::optional<double> number = Number(Trimmed(text));
      if (!number.has_value()) return Expected("the rate to be held to a number a second: rate>=9900/s");
      threshold.bound = *number;
      return absl::OkStatus();
    }
    default: {
      const absl::StatusOr<nanoseconds> duration = ParseDuration(text);
      if (!duration.ok()) return duration.status();
      threshold.bound = static_cast<double>(duration->count());
      return absl::OkStatus();
    }
  }
}

bool Compare(double value, Comparison comparison, double bound) {
  switch (comparison) {
    case Comparison::kLess:
      return value < bound;
    case Comparison::kAtMost:
      return value <= bound;
    case Comparison::kMore:
      return value > bound;
    case Comparison::kAtLeast:
      break;
  }
  return value >= bound;
}

std::optional<double> ValueOf(const Threshold& threshold, const BenchReport& report) {
  const auto latency = [&report](nanoseconds value) -> std::optional<double> {
    if (report.counts.latency.count() == 0) return std::nullopt;
    return static_cast<double>(value.count());
  };
  switch (threshold.metric) {
    case Metric::kPercentile:
      return latency(report.counts.latency.Quantile(threshold.percentile / kHundredPerCent));
    case Metric::kMean:
      return latency(report.counts.latency.mean());
    case Metric::kMin:
      return latency(report.counts.latency.min());
    case Metric::kMax:
      return latency(report.counts.latency.max());
    case Metric::kErrorCount:
      return static_cast<double>(report.counts.errors());
    case Metric::kErrorShare:
      if (report.counts.total() == 0) return std::nullopt;
      return static_cast<double>(report.counts.errors()) / static_cast<double>(report.counts.total());
    case Metric::kRate:
      break;
  }
  return report.Rate();
}

std::string FigureOf(const Threshold& threshold, double value) {
  switch (threshold.metric) {
    case Metric::kErrorCount:
      return fmt::format("{:.0f}", value);
    case Metric::kErrorShare:
      return fmt::format("{:.4g} %", value * kHundredPerCent);
    case Metric::kRate:
      return fmt::format("{:.1f}/s", value);
    default:
      return Milliseconds(nanoseconds(static_cast<std::int64_t>(value)));
  }
}

}  // namespace

absl::StatusOr<Threshold> ParseThreshold(std::string_view text) {
  const std::size_t at = text.find_first_of("<>");
  if (at == std::string_view::npos) return Malformed();
  Threshold threshold;
  threshold.text = std::string(Trimmed(text));
  const bool less = text[at] == '<';
  const bool or_equal = at + 1 < text.size() && text[at + 1] == '=';
  threshold.comparison = less ? (or_equal ? Comparison::kAtMost : Comparison::kLess)
                              : (or_equal ? Comparison::kAtLeast : Comparison::kMore);
  if (absl::Status status = ReadMetric(Trimmed(text.substr(0, at)), threshold); !status.ok()) return status;
  const std::string_view bound = Trimmed(text.substr(at + (or_equal ? 2 : 1)));
  if (absl::Status status = ReadBound(bound, threshold); !status.ok()) return status;
  return threshold;
}

ThresholdOutcome Judge(const Threshold& threshold, const BenchReport& report) {
  ThresholdOutcome outcome{
      .text = threshold.text, .met = false, .value = ValueOf(threshold, report), .figure = "none"};
  if (!outcome.value.has_value()) return outcome;
  outcome.met = Compare(*outcome.value, threshold.comparison, threshold.bound);
  outcome.figure = FigureOf(threshold, *outcome.value);
  return outcome;
}

bool IsOnErrors(const Threshold& threshold) {
  return threshold.metric == Metric::kErrorCount || threshold.metric == Metric::kErrorShare;
}

}  // namespace dispatchctl::cli
