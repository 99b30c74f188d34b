#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "bench/latency_bars.h"
#include "bench/report.h"
#include "bench/report_formats.h"
#include "bench/tally.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// 90 lookups of 50 ms, 10 of 100 ms, 2 that failed.
BenchReport SomeReport() {
  BenchReport report;
  report.work = "lookup";
  report.target = "localhost:50051";
  report.plan = {.rate = 100.0, .warmup = 2s, .duration = 1s};
  report.concurrency = 10'000;
  report.started_at = std::chrono::system_clock::time_point(1'700'000'000'123ms);
  report.elapsed = 1050ms;
  for (int i = 0; i < 100; ++i) report.counts.latency.Add(i % 10 == 0 ? 100ms : 50ms);
  for (int i = 0; i < 102; ++i) report.counts.start_delay.Add(i == 7 ? 30ms : 20us);
  report.counts.ok = 100;
  report.counts.late = 1;
  report.counts.attempts = 102;
  report.counts.errors_by_code = {{"UNAVAILABLE", 1}, {std::string(kNoConnection), 1}};
  report.counts.error_latency.Add(3ms);
  report.counts.error_latency.Add(1ms);
  report.thresholds = {{.text = "p99<20ms", .met = false, .value = 100e6, .figure = "100.000 ms"},
                       {.text = "max<1s", .met = true, .value = 100e6, .figure = "100.000 ms"}};
  return report;
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

TEST(BenchReport, JsonHasEverything) {
  const std::string text = BenchJson(SomeReport());
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const json object = json::parse(text);
  EXPECT_EQ(object["bench"], "lookup");
  EXPECT_EQ(object["target"], "localhost:50051");
  EXPECT_EQ(object["loop"], "open");
  EXPECT_EQ(object["started_at"], "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(object["partial"], false);
  EXPECT_EQ(object["rate_asked_per_s"], 100.0);
  EXPECT_EQ(object["rate_per_s"], 97.143);
  EXPECT_EQ(object["concurrency"], 10'000);
  EXPECT_EQ(object["warmup_ms"], 2000.0);
  EXPECT_EQ(object["duration_ms"], 1000.0);
  EXPECT_EQ(object["elapsed_ms"], 1050.0);
  EXPECT_EQ(object["total"], 102);
  EXPECT_EQ(object["ok"], 100);
  EXPECT_EQ(object["errors"], 2);
  EXPECT_EQ(object["errors_by_code"], (json{{"UNAVAILABLE", 1}, {"no_connection", 1}}));
  EXPECT_EQ(object["attempts"], 102);
  EXPECT_EQ(object["late"], 1);
  EXPECT_NEAR(object["latency_ms"]["p50"].get<double>(), 50.0, 0.1);
  EXPECT_NEAR(object["latency_ms"]["p99_9"].get<double>(), 100.0, 0.0);
  EXPECT_EQ(object["latency_ms"]["mean"], 55.0);
  EXPECT_EQ(object["error_latency_ms"]["max"], 3.0);
  EXPECT_EQ(object["start_delay_ms"]["max"], 30.0);
  EXPECT_EQ(object["thresholds"][0],
            (json{{"threshold", "p99<20ms"}, {"met", false}, {"figure", "100.000 ms"}}));
  std::uint64_t drawn = 0;
  for (const json& bar : object["histogram"]) drawn += bar["count"].get<std::uint64_t>();
  EXPECT_EQ(drawn, 100U);
  for (const char* name : {"streams", "count", "accepted", "rejected", "resent", "reconnects"}) {
    EXPECT_TRUE(object[name].is_null()) << name;
  }
}

TEST(BenchReport, JsonOfNothingHasNulls) {
  BenchReport report;
  report.work = "assign";
  report.streams = 2;
  report.partial = true;
  const json object = json::parse(BenchJson(report));
  EXPECT_EQ(object["loop"], "closed");
  EXPECT_EQ(object["partial"], true);
  EXPECT_EQ(object["streams"], 2);
  EXPECT_EQ(object["accepted"], 0);
  for (const char* name :
       {"rate_asked_per_s", "attempts", "latency_ms", "error_latency_ms", "start_delay_ms"}) {
    EXPECT_TRUE(object[name].is_null()) << name;
  }
  EXPECT_EQ(object["histogram"], json::array());
}

TEST(BenchReport, CsvIsAHeaderAndARow) {
  const std::vector<std::string> lines = Split(BenchCsv(SomeReport()), '\n');
  ASSERT_EQ(lines.size(), 2U);
  const std::vector<std::string> names = Split(lines[0], ',');
  const std::vector<std::string> cells = Split(lines[1], ',');
  std::map<std::string, std::string> row;
  for (std::size_t i = 0; i < std::min(names.size(), cells.size()); ++i) row[names[i]] = cells[i];
  EXPECT_EQ(row["bench"], "lookup");
  EXPECT_EQ(row["partial"], "false");
  EXPECT_EQ(row["total"], "102");
  EXPECT_EQ(row["max_ms"], "100.0");
  EXPECT_EQ(row["p99_9_ms"], "100.0");
  EXPECT_EQ(row["errors_by_code"], "UNAVAILABLE=1 no_connection=1");
  EXPECT_EQ(row["thresholds_missed"], "p99<20ms");
}

TEST(BenchReport, TextSaysWhatMatters) {
  const std::string text = BenchText(SomeReport(), {.unicode = true, .color = false});
  EXPECT_THAT(text,
              AllOf(HasSubstr("open loop, 100/s asked, after 2 s of warm-up"), HasSubstr("localhost:50051"),
                    HasSubstr("100 (98.04 %)"), HasSubstr("UNAVAILABLE 1, no_connection 1"),
                    HasSubstr("1 started more than 1 ms after their time, at most 30 ms")));
  EXPECT_THAT(text, AllOf(HasSubstr("p99.99"), HasSubstr("\u2588"), HasSubstr("missed  p99<20ms  100.000 ms"),
                          HasSubstr("met     max<1s"), Not(HasSubstr("\x1b")), Not(HasSubstr("partial"))));
  for (const std::string& line : Split(text, '\n')) EXPECT_LE(DisplayWidth(line), 80U) << line;
}

TEST(BenchReport, TextIsPlainWhereTheLocaleIs) {
  BenchReport report = SomeReport();
  report.partial = true;
  const std::string text = BenchText(report, {.unicode = false, .color = true});
  EXPECT_THAT(text, AllOf(HasSubstr("####"), HasSubstr("partial"), HasSubstr("\x1b[1;31mmissed")));
  for (const char c : text) EXPECT_GE(c, 0) << "not ASCII";
}

TEST(BenchReport, TheRateCountsWhatWasMade) {
  BenchReport report = SomeReport();
  report.elapsed = 1s;
  report.counts.errors_by_code[std::string(kNotStarted)] = 50;
  EXPECT_EQ(report.counts.total(), 152U);
  EXPECT_DOUBLE_EQ(report.Rate(), 102.0);
  EXPECT_DOUBLE_EQ(BenchReport().Rate(), 0.0);
}

TEST(BenchReport, TheMostFrequentErrorComesFirst) {
  BenchCounts counts;
  counts.errors_by_code = {{"ABORTED", 3}, {"INTERNAL", 1000}, {"UNKNOWN", 4}};
  EXPECT_EQ(ErrorsByCode(counts), "INTERNAL 1,000, UNKNOWN 4, ABORTED 3");
}

TEST(BenchTally, CountsByOutcome) {
  BenchTally tally;
  const BenchTally::TimePoint now(5s);
  EXPECT_EQ(tally.last_end(), std::nullopt);
  tally.AddWarmUp();
  tally.AddSuccess(now, 10ms, 1);
  tally.AddSuccess(now + 1s, 20ms, 3);
  tally.AddFailure(now + 2s, 1ms, "UNAVAILABLE", 2);
  tally.AddFailures(kNotStarted, 4);
  tally.AddFailures("INTERNAL", 0);
  tally.AddUnfinished(5);
  tally.AddStart(500us, false);
  tally.AddStart(2ms, true);
  tally.AddDecision(now + 3s, 5ms, true);
  tally.AddDecision(now + 3s, 5ms, false);
  const BenchCounts counts = tally.Counts();
  EXPECT_EQ(counts.ok, 4U);
  EXPECT_EQ(counts.accepted, 1U);
  EXPECT_EQ(counts.rejected, 1U);
  EXPECT_EQ(counts.errors(), 5U);
  EXPECT_EQ(counts.errors_by_code.size(), 2U);
  EXPECT_EQ(counts.unfinished, 5U);
  EXPECT_EQ(counts.attempts, 6U);
  EXPECT_EQ(counts.latency.count(), 4U);
  EXPECT_EQ(counts.error_latency.count(), 1U);
  EXPECT_EQ(counts.late, 1U);
  EXPECT_EQ(counts.waited, 1U);
  EXPECT_EQ(tally.last_end(), now + 3s);
  EXPECT_EQ(tally.Glance().ended, 6U);
  EXPECT_EQ(tally.Glance().errors, 5U);
}

TEST(BenchTally, TellsNoConnectionFromAServersWord) {
  CallReport report;
  report.phase = Phase::kConnect;
  EXPECT_EQ(FailureCode(absl::UnavailableError("refused"), report), kNoConnection);
  report.phase = Phase::kCall;
  EXPECT_EQ(FailureCode(absl::UnavailableError("lost"), report), "UNAVAILABLE");
}

LatencyHistogram HistogramOf(const std::vector<std::chrono::nanoseconds>& latencies) {
  LatencyHistogram histogram;
  for (const auto latency : latencies) histogram.Add(latency);
  return histogram;
}

std::uint64_t CountIn(const std::vector<LatencyBar>& bars) {
  std::uint64_t count = 0;
  for (const LatencyBar& bar : bars) count += bar.count;
  return count;
}

TEST(LatencyBars, CoverWhatThereIsWithoutGaps) {
  for (const auto& latencies : std::vector<std::vector<std::chrono::nanoseconds>>{{0ns},
                                                                                  {5ns, 1us},
                                                                                  {50ms},
                                                                                  {50ms, 50100us},
                                                                                  {50ms, 100ms},
                                                                                  {50ms, 199ms},
                                                                                  {50ms, 200ms},
                                                                                  {1us, 3h},
                                                                                  {0ns, 20000h},
                                                                                  {999us, 1ms, 1s}}) {
    const LatencyHistogram histogram = HistogramOf(latencies);
    const std::vector<LatencyBar> bars = LatencyBars(histogram, 16);
    ASSERT_FALSE(bars.empty());
    EXPECT_LE(bars.size(), 16U);
    EXPECT_EQ(CountIn(bars), latencies.size());
    EXPECT_LE(bars.front().from, histogram.min());
    EXPECT_GT(bars.back().to, histogram.max());
    for (std::size_t i = 0; i < bars.size(); ++i) {
      EXPECT_LT(bars[i].from, bars[i].to);
      if (i != 0) {
        EXPECT_EQ(bars[i].from, bars[i - 1].to);
      }
    }
  }
  EXPECT_TRUE(LatencyBars(LatencyHistogram(), 16).empty());
}

TEST(LatencyBars, AreEvenWhereLatenciesAreClose) {
  const std::vector<LatencyBar> bars = LatencyBars(HistogramOf({50ms, 57500us, 61ms}), 16);
  EXPECT_EQ(bars.front().from, 50ms);
  EXPECT_EQ(bars.front().to, 51ms);
  EXPECT_EQ(bars.front().count, 1U);
  EXPECT_EQ(bars[7].count, 1U);
}

TEST(DrawBar, IsInEighthsOrWhole) {
  EXPECT_EQ(DrawBar(0.0, 40, true), "");
  EXPECT_EQ(DrawBar(1.0, 2, true), "\u2588\u2588");
  EXPECT_EQ(DrawBar(0.25, 2, true), "\u258c");
  EXPECT_EQ(DrawBar(0.00001, 40, true), "\u258f");
  EXPECT_EQ(DrawBar(1.0, 3, false), "###");
  EXPECT_EQ(DrawBar(0.00001, 3, false), "#");
}

}  // namespace
}  // namespace dispatchctl::cli
