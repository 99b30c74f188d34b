#include "output/call_story.h"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "output/error_report.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

std::string AttemptLine(std::string_view courier_id, std::size_t number, const AttemptReport& attempt) {
  return fmt::format("{}: attempt {} to {}{}: {} after {}, started at {}{}{}", courier_id, number,
                     attempt.endpoint, attempt.hedge ? " (hedge)" : "", StatusCodeName(attempt.status.code()),
                     Milliseconds(attempt.elapsed), Milliseconds(attempt.started),
                     attempt.status.message().empty() ? "" : ": ", std::string(attempt.status.message()));
}

std::string VerdictLine(std::string_view courier_id, const absl::Status& status, const CallReport& report) {
  std::string line = fmt::format("{}: {} after {}, {}", courier_id, StatusCodeName(status.code()),
                                 Milliseconds(report.elapsed),
                                 Plural(static_cast<std::uint64_t>(report.attempts), "attempt"));
  if (report.hedges > 0) {
    line += fmt::format(" of which {}", Plural(static_cast<std::uint64_t>(report.hedges), "hedge"));
  }
  line += fmt::format(", endpoint {}", report.endpoint.empty() ? "none" : report.endpoint);
  if (report.breaker_refusals > 0) {
    line += fmt::format(", {} passed over as the circuit breaker is open",
                        Plural(static_cast<std::uint64_t>(report.breaker_refusals), "endpoint"));
  }
  if (report.stale) {
    line += fmt::format(", last known status of {} ago in place of {}", Milliseconds(report.stale_age),
                        StatusCodeName(report.stale_error.code()));
  }
  return line;
}

}  // namespace

std::vector<AttemptReport> AttemptsOf(const absl::Status& status, const CallReport& report) {
  if (!report.history.empty() || report.attempts == 0) return report.history;
  AttemptReport only;
  only.endpoint = report.endpoint;
  only.status = status;
  only.elapsed = report.elapsed;
  return {only};
}

std::vector<std::string> CallStory(std::string_view courier_id, const absl::Status& status,
                                   const CallReport& report) {
  std::vector<std::string> lines;
  const std::vector<AttemptReport> attempts = AttemptsOf(status, report);
  lines.reserve(attempts.size() + 1);
  for (std::size_t i = 0; i < attempts.size(); ++i)
    lines.push_back(AttemptLine(courier_id, i + 1, attempts[i]));
  lines.push_back(VerdictLine(courier_id, status, report));
  return lines;
}

}  // namespace dispatchctl::cli
