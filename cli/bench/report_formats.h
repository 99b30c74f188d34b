#pragma once

#include <string>

#include "bench/report.h"

namespace dispatchctl::cli {

/// How a report for people is drawn.
struct BenchTextStyle {
  bool unicode = false;  ///< else plain ASCII
  bool color = false;
};

/// For people: counts, percentiles, a drawn histogram of the latencies, thresholds.
std::string BenchText(const BenchReport& report, const BenchTextStyle& style);

/// One object on one line.
std::string BenchJson(const BenchReport& report);

/// A header and one row (RFC 4180): what is a single value in the object, and errors_by_code as
/// "CODE=N CODE=N".
std::string BenchCsv(const BenchReport& report);

/// "p99 is 20.004 ms, not <20ms": what is said of a threshold that was missed.
std::string MissedThreshold(const ThresholdOutcome& outcome);

/// "UNAVAILABLE 7, no_connection 3", the most frequent first.
std::string ErrorsByCode(const BenchCounts& counts);

}  // namespace dispatchctl::cli
