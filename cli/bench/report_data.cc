#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "bench/latency_bars.h"
#include "bench/report_formats.h"
#include "output/record_format.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::nanoseconds;

constexpr std::size_t kMostListedBars = 40;
constexpr double kMicroseconds = 1000.0;
constexpr std::string_view kUnit = "_ms";

double InMilliseconds(nanoseconds time) {
  return std::round(std::chrono::duration<double, std::milli>(time).count() * kMicroseconds) / kMicroseconds;
}

double Rounded(double value) {
  return std::round(value * kMicroseconds) / kMicroseconds;
}

template <class Value>
Json ValueOrNull(const std::optional<Value>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

Json DurationOrNull(const std::optional<nanoseconds>& duration) {
  return duration.has_value() ? Json(InMilliseconds(*duration)) : Json(nullptr);
}

Json Distribution(const LatencyHistogram& histogram) {
  if (histogram.count() == 0) return nullptr;
  Json object;
  object["min"] = InMilliseconds(histogram.min());
  object["mean"] = InMilliseconds(histogram.mean());
  for (const ReportedPercentile& percentile : kReportedPercentiles) {
    object[std::string(percentile.key)] = InMilliseconds(histogram.Quantile(percentile.quantile));
  }
  object["max"] = InMilliseconds(histogram.max());
  return object;
}

// What is a single value.
Json Scalars(const BenchReport& report) {
  const BenchCounts& counts = report.counts;
  const bool assign = report.work == "assign";
  Json object;
  object["bench"] = std::string(report.work);
  object["target"] = report.target;
  object["loop"] = report.plan.rate.has_value() ? "open" : "closed";
  object["started_at"] = UtcTime(report.started_at);
  object["partial"] = report.partial;
  object["rate_asked_per_s"] = ValueOrNull(report.plan.rate);
  object["rate_per_s"] = Rounded(report.Rate());
  object["concurrency"] = report.concurrency;
  object["streams"] = ValueOrNull(report.streams);
  object["warmup_ms"] = InMilliseconds(report.plan.warmup);
  object["duration_ms"] = DurationOrNull(report.plan.duration);
  object["count"] = ValueOrNull(report.plan.count);
  object["elapsed_ms"] = InMilliseconds(report.elapsed);
  object["total"] = counts.total();
  object["ok"] = counts.ok;
  object["errors"] = counts.errors();
  object["unfinished"] = counts.unfinished;
  object["attempts"] = assign ? Json(nullptr) : Json(counts.attempts);
  object["accepted"] = assign ? Json(counts.accepted) : Json(nullptr);
  object["rejected"] = assign ? Json(counts.rejected) : Json(nullptr);
  object["resent"] = assign ? Json(report.resent) : Json(nullptr);
  object["reconnects"] = assign ? Json(report.reconnects) : Json(nullptr);
  object["late"] = counts.late;
  object["waited"] = counts.waited;
  return object;
}

Json Thresholds(const BenchReport& report) {
  Json thresholds = Json::array();
  for (const ThresholdOutcome& outcome : report.thresholds) {
    thresholds.push_back(Json{{"threshold", outcome.text}, {"met", outcome.met}, {"figure", outcome.figure}});
  }
  return thresholds;
}

std::string DumpReport(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// As it stands in a cell.
std::string Cell(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : DumpReport(value);
}

}  // namespace

std::string BenchJson(const BenchReport& report) {
  Json object = Scalars(report);
  object["errors_by_code"] = Json::object();
  for (const auto& [code, count] : report.counts.errors_by_code) object["errors_by_code"][code] = count;
  object["latency_ms"] = Distribution(report.counts.latency);
  object["error_latency_ms"] = Distribution(report.counts.error_latency);
  object["start_delay_ms"] = Distribution(report.counts.start_delay);
  object["histogram"] = Json::array();
  for (const LatencyBar& bar : LatencyBars(report.counts.latency, kMostListedBars)) {
    object["histogram"].push_back(
        Json{{"from_ms", InMilliseconds(bar.from)}, {"to_ms", InMilliseconds(bar.to)}, {"count", bar.count}});
  }
  object["thresholds"] = Thresholds(report);
  return DumpReport(object) + "\n";
}

std::string BenchCsv(const BenchReport& report) {
  std::vector<std::pair<std::string, std::string>> cells;
  const Json scalars = Scalars(report);
  for (const auto& [name, value] : scalars.items()) cells.emplace_back(name, Cell(value));
  const Json latency = Distribution(report.counts.latency);
  std::vector<std::string> figures{"min", "mean"};
  for (const ReportedPercentile& percentile : kReportedPercentiles) figures.emplace_back(percentile.key);
  figures.emplace_back("max");
  for (const std::string& figure : figures) {
    cells.emplace_back(figure + std::string(kUnit), latency.is_null() ? "" : Cell(latency[figure]));
  }
  std::string codes;
  for (const auto& [code, count] : report.counts.errors_by_code) {
    codes += fmt::format("{}{}={}", codes.empty() ? "" : " ", code, count);
  }
  cells.emplace_back("errors_by_code", codes);
  std::string missed;
  for (const ThresholdOutcome& outcome : report.thresholds) {
    if (!outcome.met) missed += fmt::format("{}{}", missed.empty() ? "" : " ", outcome.text);
  }
  cells.emplace_back("thresholds_missed", missed);

  std::vector<Column> columns;
  columns.reserve(cells.size());
  for (const auto& [name, text] : cells) columns.push_back({.name = name, .least_width = 0});
  const std::unique_ptr<RecordFormat> format = MakeCsvFormat(std::move(columns));
  std::string out;
  format->Begin(out);
  format->StartRecord(out);
  for (const auto& [name, text] : cells) format->TextField(out, name, text);
  format->EndRecord(out);
  format->End(out);
  return out;
}

}  // namespace dispatchctl::cli
