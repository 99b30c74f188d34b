#include "output/assign_summary.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace dispatchctl::cli {
namespace {

double MillisecondsOf(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

double Rate(const AssignSummary& summary) {
  const double seconds = std::chrono::duration<double>(summary.elapsed).count();
  return seconds > 0 ? static_cast<double>(summary.acknowledged) / seconds : 0.0;
}

nlohmann::ordered_json RoundedFigure(double value) {
  return std::round(value * 1000.0) / 1000.0;
}

}  // namespace

std::string AssignSummaryText(const AssignSummary& summary) {
  std::string text = fmt::format(
      "sent {}, acknowledged {} (accepted {}, rejected {}), failed {}, skipped {}, unacknowledged {}\n"
      "resent {}, unknown results {}, reconnects {}",
      summary.sent, summary.acknowledged, summary.accepted, summary.rejected, summary.failed, summary.skipped,
      summary.unacknowledged, summary.resent, summary.unknown_results, summary.reconnects);
  if (summary.answered_before.has_value()) {
    text += fmt::format(", answered before {}", *summary.answered_before);
  }
  if (summary.latency.count() != 0) {
    text +=
        fmt::format(", latency p50 {:.3g} ms p99 {:.3g} ms", MillisecondsOf(summary.latency.Quantile(0.5)),
                    MillisecondsOf(summary.latency.Quantile(0.99)));
  }
  text += fmt::format(", {:.0f}/s, {:.3f} s\n", Rate(summary),
                      std::chrono::duration<double>(summary.elapsed).count());
  return text;
}

std::string AssignSummaryJson(const AssignSummary& summary) {
  nlohmann::ordered_json values;
  values["sent"] = summary.sent;
  values["acknowledged"] = summary.acknowledged;
  values["accepted"] = summary.accepted;
  values["rejected"] = summary.rejected;
  values["failed"] = summary.failed;
  values["skipped"] = summary.skipped;
  values["unacknowledged"] = summary.unacknowledged;
  values["resent"] = summary.resent;
  values["unknown_results"] = summary.unknown_results;
  values["reconnects"] = summary.reconnects;
  if (summary.answered_before.has_value()) values["answered_before"] = *summary.answered_before;
  values["p50_ms"] = nullptr;
  values["p99_ms"] = nullptr;
  if (summary.latency.count() != 0) {
    values["p50_ms"] = RoundedFigure(MillisecondsOf(summary.latency.Quantile(0.5)));
    values["p99_ms"] = RoundedFigure(MillisecondsOf(summary.latency.Quantile(0.99)));
  }
  values["rate_per_s"] = RoundedFigure(Rate(summary));
  values["elapsed_ms"] = RoundedFigure(MillisecondsOf(summary.elapsed));
  return nlohmann::ordered_json{{"summary", std::move(values)}}.dump() + "\n";
}

}  // namespace dispatchctl::cli
