#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "bench/latency_bars.h"
#include "bench/report_formats.h"
#include "text/escape.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kMostDrawnBars = 16;
constexpr std::size_t kDrawnBarWidth = 40;
constexpr double kPerCent = 100.0;

std::string Percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0
             ? "-"
             : fmt::format("{:.4g} %", kPerCent * static_cast<double>(part) / static_cast<double>(whole));
}

std::string RateText(double rate) {
  return rate < 1000.0 ? fmt::format("{:.4g}/s", rate)
                       : fmt::format("{}/s", Grouped(static_cast<std::uint64_t>(std::llround(rate))));
}

std::string_view Calls(const BenchReport& report) {
  return report.work == "assign" ? "assignments" : "lookups";
}

std::string Headline(const BenchReport& report) {
  std::string text = fmt::format("{}: ", Calls(report));
  if (report.plan.rate.has_value()) {
    text += fmt::format("open loop, {} asked", RateText(*report.plan.rate));
  } else {
    text += fmt::format("closed loop, {} in flight", Grouped(report.concurrency));
  }
  if (report.streams.has_value()) text += fmt::format(", {}", Plural(*report.streams, "stream"));
  if (report.plan.warmup.count() > 0)
    text += fmt::format(", after {} of warm-up", Approximate(report.plan.warmup));
  return text + "\n";
}

void AppendRow(std::string& out, std::string_view label, std::string_view text) {
  out += fmt::format("  {:<12}{}\n", label, text);
}

void AppendCounts(std::string& out, const BenchReport& report) {
  const BenchCounts& counts = report.counts;
  AppendRow(out, "target", report.target);
  AppendRow(out, "total",
            fmt::format("{} in {}, {}", Grouped(counts.total()), Approximate(report.elapsed),
                        RateText(report.Rate())));
  std::string ok = fmt::format("{} ({})", Grouped(counts.ok), Percent(counts.ok, counts.total()));
  if (report.work == "assign") {
    ok += fmt::format(", accepted {}, rejected {}", Grouped(counts.accepted), Grouped(counts.rejected));
  }
  AppendRow(out, "ok", ok);
  std::string errors = Grouped(counts.errors());
  if (counts.errors() != 0) {
    errors += fmt::format(" ({}): {}", Percent(counts.errors(), counts.total()), ErrorsByCode(counts));
  }
  AppendRow(out, "errors", errors);
  if (counts.unfinished != 0) AppendRow(out, "unfinished", Grouped(counts.unfinished));
  if (counts.attempts > counts.ok + counts.error_latency.count()) {
    AppendRow(out, "attempts", Grouped(counts.attempts));
  }
  if (report.resent + report.reconnects != 0) {
    AppendRow(out, "reconnects",
              fmt::format("{}, {} sent again", Grouped(report.reconnects), Grouped(report.resent)));
  }
  if (counts.late == 0) return;
  std::string late = fmt::format("{} started more than {} after their time, at most {}", Grouped(counts.late),
                                 Approximate(kLate), Approximate(counts.start_delay.max()));
  if (counts.waited != 0) late += fmt::format("; {} found no room", Grouped(counts.waited));
  AppendRow(out, "late", late);
}

void AppendLatencies(std::string& out, const BenchReport& report) {
  const LatencyHistogram& latency = report.counts.latency;
  if (latency.count() == 0) return;
  out +=
      report.plan.rate.has_value() ? "latency, from the intended start\n" : "latency, from the real start\n";
  AppendRow(out, "min", Approximate(latency.min()));
  AppendRow(out, "mean", Approximate(latency.mean()));
  for (const ReportedPercentile& percentile : kReportedPercentiles) {
    AppendRow(out, percentile.label, Approximate(latency.Quantile(percentile.quantile)));
  }
  AppendRow(out, "max", Approximate(latency.max()));
  const LatencyHistogram& failed = report.counts.error_latency;
  if (failed.count() == 0) return;
  AppendRow(out, "of errors",
            fmt::format("p50 {}, p99 {}, max {}", Approximate(failed.Quantile(0.5)),
                        Approximate(failed.Quantile(0.99)), Approximate(failed.max())));
}

void AppendBars(std::string& out, const BenchReport& report, bool unicode) {
  const std::vector<LatencyBar> bars = LatencyBars(report.counts.latency, kMostDrawnBars);
  if (bars.empty()) return;
  const auto highest = std::max_element(bars.begin(), bars.end(), [](const auto& a, const auto& b) {
                         return a.count < b.count;
                       })->count;
  out += "latencies from ... to, and how many\n";
  for (const LatencyBar& bar : bars) {
    const double share = static_cast<double>(bar.count) / static_cast<double>(highest);
    const std::string drawn = DrawBar(share, kDrawnBarWidth, unicode);
    const std::string padding(kDrawnBarWidth - DisplayWidth(drawn), ' ');
    out += fmt::format("  {:>8} {} {:>8}  {}{} {:>11}\n", Approximate(bar.from), unicode ? "\u2026" : "..",
                       Approximate(bar.to), drawn, padding, Grouped(bar.count));
  }
}

void AppendThresholds(std::string& out, const BenchReport& report, bool color) {
  if (report.thresholds.empty()) return;
  out += "thresholds\n";
  for (const ThresholdOutcome& outcome : report.thresholds) {
    const std::string_view before = color ? (outcome.met ? "\x1b[32m" : "\x1b[1;31m") : "";
    const std::string_view after = color ? "\x1b[0m" : "";
    out += fmt::format("  {}{:<8}{}{}  {}\n", before, outcome.met ? "met" : "missed", after, outcome.text,
                       outcome.figure);
  }
}

}  // namespace

std::string BenchText(const BenchReport& report, const BenchTextStyle& style) {
  std::string out = Headline(report);
  if (report.partial) out += "  partial: ended before its time\n";
  AppendCounts(out, report);
  AppendLatencies(out, report);
  AppendBars(out, report, style.unicode);
  AppendThresholds(out, report, style.color);
  return out;
}

std::string MissedThreshold(const ThresholdOutcome& outcome) {
  const std::size_t at = outcome.text.find_first_of("<>");
  std::string metric = outcome.text.substr(0, at);
  while (!metric.empty() && metric.back() == ' ') metric.pop_back();
  if (!outcome.value.has_value()) return fmt::format("{}: nothing to hold to {}", metric, outcome.text);
  return fmt::format("{} is {}, not {}", metric, outcome.figure, outcome.text.substr(at));
}

std::string ErrorsByCode(const BenchCounts& counts) {
  std::vector<std::pair<std::string, std::uint64_t>> codes(counts.errors_by_code.begin(),
                                                           counts.errors_by_code.end());
  std::stable_sort(codes.begin(), codes.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [code, count] : codes) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", code, Grouped(count));
  }
  return text;
}

}  // namespace dispatchctl::cli
