#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/schedule.h"
#include "bench/threshold.h"
#include "output/latency_histogram.h"

namespace dispatchctl::cli {

/// Later than this after its time a start counts as late.
inline constexpr std::chrono::milliseconds kLate{1};

/// Names of failures beside those of gRPC's codes.
inline constexpr std::string_view kNoConnection = "no_connection";  ///< resolving, connecting or TLS failed
inline constexpr std::string_view kNotStarted = "not_started";      ///< was due, and there was no room for it

/// What the calls of a benchmark came to, those of the warm-up left out.
struct BenchCounts {
  std::uint64_t ok = 0;
  std::map<std::string, std::uint64_t, std::less<>> errors_by_code;
  std::uint64_t unfinished = 0;  ///< in flight when a signal ended the run; neither ok nor errors
  std::uint64_t attempts = 0;    ///< of lookups
  std::uint64_t accepted = 0;    ///< of assignments, as rejected
  std::uint64_t rejected = 0;
  std::uint64_t late = 0;          ///< started more than kLate after their time
  std::uint64_t waited = 0;        ///< found no room at their time
  LatencyHistogram latency;        ///< of what succeeded
  LatencyHistogram error_latency;  ///< of what failed
  LatencyHistogram start_delay;    ///< how long after its time each call was started; in an open loop only

  std::uint64_t errors() const;
  std::uint64_t total() const { return ok + errors(); }
};

/// One run of `bench`, as asked for and as it came out. All formats are made from this.
struct BenchReport {
  std::string_view work;  ///< "lookup" or "assign"
  std::string target;
  BenchPlan plan;
  std::size_t concurrency = 0;           ///< most calls, or unanswered assignments, in flight
  std::optional<std::size_t> streams{};  ///< of assignments
  std::uint64_t resent = 0;              ///< of assignments, as reconnects
  std::uint64_t reconnects = 0;
  std::chrono::system_clock::time_point started_at;
  bool partial = false;                 ///< ended before its time
  std::chrono::nanoseconds elapsed{0};  ///< from the end of the warm-up to the last answer
  BenchCounts counts;
  std::vector<ThresholdOutcome> thresholds{};

  /// Calls that ended, a second.
  double Rate() const;
};

/// A percentile that reports show.
struct ReportedPercentile {
  std::string_view label;  ///< "p99.9"
  std::string_view key;    ///< "p99_9"
  double quantile;
};

inline constexpr ReportedPercentile kReportedPercentiles[]{
    {"p50", "p50", 0.5},  {"p75", "p75", 0.75},      {"p90", "p90", 0.9},         {"p95", "p95", 0.95},
    {"p99", "p99", 0.99}, {"p99.9", "p99_9", 0.999}, {"p99.99", "p99_99", 0.9999}};

}  // namespace dispatchctl::cli
