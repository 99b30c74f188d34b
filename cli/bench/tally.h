#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "bench/report.h"
#include "output/error_report.h"

namespace dispatchctl::cli {

/// What a person who watches a benchmark wants to know.
struct BenchGlance {
  std::uint64_t ended = 0;  ///< calls of the warm-up included
  std::uint64_t errors = 0;
  std::chrono::nanoseconds p50{0};  ///< zero as long as nothing was measured
  std::chrono::nanoseconds p99{0};
};

/// Counts what becomes of a benchmark's calls. From any thread.
class BenchTally {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// A call of the warm-up has ended.
  void AddWarmUp();

  void AddSuccess(TimePoint now, std::chrono::nanoseconds latency, int attempts);
  void AddDecision(TimePoint now, std::chrono::nanoseconds latency, bool accepted);
  /// `code` is a gRPC code's name, or one of this program's own; see report.h.
  void AddFailure(TimePoint now, std::chrono::nanoseconds latency, std::string_view code, int attempts);
  /// Calls for which there is no latency.
  void AddFailures(std::string_view code, std::uint64_t count);
  void AddUnfinished(std::uint64_t count);

  /// `waited`: there was no room for the call at its time.
  void AddStart(std::chrono::nanoseconds delay, bool waited);

  BenchGlance Glance() const;
  BenchCounts Counts() const;

  /// When the last measured call ended; unset: none has.
  std::optional<TimePoint> last_end() const;

 private:
  void Ended(TimePoint now, int attempts);

  mutable std::mutex mutex_;
  BenchCounts counts_;
  std::uint64_t ended_ = 0;
  std::uint64_t errors_ = 0;
  std::optional<TimePoint> last_end_;
};

/// What a failed call counts as: "no_connection" where there was none, else its code's name.
std::string FailureCode(const absl::Status& status, const CallReport& report);

}  // namespace dispatchctl::cli
