#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

struct BenchReport;

/// A bound that a benchmark is held to, such as "p99<20ms".
struct Threshold {
  enum class Metric {
    kPercentile,  ///< of the latency of calls that succeeded
    kMean,
    kMin,
    kMax,
    kErrorShare,
    kErrorCount,
    kRate,  ///< calls that ended, a second
  };
  enum class Comparison { kLess, kAtMost, kMore, kAtLeast };

  std::string text;  ///< as given
  Metric metric = Metric::kMean;
  double percentile = 0.0;  ///< of kPercentile: 0 to 100
  Comparison comparison = Comparison::kLess;
  double bound = 0.0;  ///< nanoseconds, a share from 0 to 1, a number, or calls a second
};

/// Reads METRIC OP VALUE, spaces allowed between them. METRIC is p with a number above 0 and up to 100, mean,
/// min or max, whose value is a duration; errors, whose value is a count or a percentage; or rate, whose
/// value is a number a second (/s may follow). OP is <, <=, > or >=. Errors: INVALID_ARGUMENT saying what is
/// expected.
absl::StatusOr<Threshold> ParseThreshold(std::string_view text);

/// What became of a threshold.
struct ThresholdOutcome {
  std::string text;             ///< the threshold, as given
  bool met = false;             ///< false also where there is no figure
  std::optional<double> value;  ///< the figure, in the unit of Threshold::bound; none: no call succeeded
  std::string figure;           ///< the same for people: "20.004 ms", "0.12 %", "none"
};

/// Holds a report to a threshold.
ThresholdOutcome Judge(const Threshold& threshold, const BenchReport& report);

/// True for thresholds on errors.
bool IsOnErrors(const Threshold& threshold);

}  // namespace dispatchctl::cli
