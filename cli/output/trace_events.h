#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// A finished call, as a trace tells it.
struct TracedCall {
  std::uint64_t number = 0;  ///< from 1, in the order of their ends
  std::string_view method;
  std::string_view courier_id;  ///< empty: a call without one
  std::chrono::steady_clock::time_point started;
  const absl::Status& status;
  const CallReport& report;
};

/// Appends the events of one call, a JSON object a line, in the order they happened: call_start,
/// attempt_start, attempt_end, retry_delay, hedge, then breaker_refusal, stale, call_end. `ts_us` are
/// microseconds of the machine's monotonic clock.
void AppendTraceEvents(std::string& out, const TracedCall& call);

/// The first line of a trace: what ties its clock to the wall's.
void AppendTraceStart(std::string& out, std::string_view target, std::chrono::steady_clock::time_point now,
                      std::chrono::system_clock::time_point wall_now, std::int64_t process_id);

}  // namespace dispatchctl::cli
