#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "output/latency_histogram.h"

namespace dispatchctl::cli {

/// What one run of `assign` came to.
struct AssignSummary {
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
  std::uint64_t failed = 0;   ///< records that stand in the output with an error
  std::uint64_t skipped = 0;  ///< lines left out by --bad-record skip
  std::uint64_t unacknowledged = 0;
  std::uint64_t resent = 0;
  std::uint64_t unknown_results = 0;
  std::uint64_t reconnects = 0;
  std::optional<std::uint64_t> answered_before;  ///< by an earlier run; only when going on with one
  LatencyHistogram latency;
  std::chrono::nanoseconds elapsed{0};
};

/// Two lines for people.
std::string AssignSummaryText(const AssignSummary& summary);

/// One line: {"summary":{...}}.
std::string AssignSummaryJson(const AssignSummary& summary);

}  // namespace dispatchctl::cli
