#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "output/trace_events.h"
#include "output/trace_file.h"
#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::steady_clock::time_point kCallStart{1000ms};

std::vector<json> JsonLines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

std::vector<json> EventsOf(std::string_view courier_id, const absl::Status& status,
                           const CallReport& report) {
  std::string out;
  AppendTraceEvents(out, {.number = 7,
                          .method = "svc/Method",
                          .courier_id = courier_id,
                          .started = kCallStart,
                          .status = status,
                          .report = report});
  return JsonLines(out);
}

std::vector<std::string> NamesAndTimes(const std::vector<json>& events) {
  std::vector<std::string> names;
  for (const json& event : events) {
    names.push_back(event.at("event").get<std::string>() + " " +
                    std::to_string(event.at("ts_us").get<int>()));
  }
  return names;
}

CallReport ReportOf(std::vector<AttemptReport> history) {
  CallReport report;
  report.attempts = static_cast<int>(history.size());
  report.endpoint = history.back().endpoint;
  report.elapsed = history.back().started + history.back().elapsed;
  report.phase = Phase::kCall;
  report.origin = Origin::kServer;
  report.history = std::move(history);
  return report;
}

TEST(TraceEvents, AnAnswerAtOnceIsOneAttempt) {
  CallReport report;
  report.attempts = 1;
  report.endpoint = "a:1";
  report.elapsed = 3ms;
  const std::vector<json> events = EventsOf("c \"1\"\n", absl::OkStatus(), report);
  EXPECT_THAT(NamesAndTimes(events), ElementsAre("call_start 1000000", "attempt_start 1000000",
                                                 "attempt_end 1003000", "call_end 1003000"));
  for (const json& event : events) EXPECT_EQ(event.at("call"), 7);
  EXPECT_EQ(events[0].at("method"), "svc/Method");
  EXPECT_EQ(events[0].at("courier_id"), "c \"1\"\n");
  EXPECT_EQ(events[2].at("endpoint"), "a:1");
  EXPECT_EQ(events[3].at("code"), "OK");
}

TEST(TraceEvents, ARetryHasItsDelay) {
  CallReport report = ReportOf({{"a:1", absl::UnavailableError("gone"), 0ms, 2ms, false},
                                {"b:2", absl::OkStatus(), 27ms, 3ms, false}});
  const std::vector<json> events = EventsOf("c", absl::OkStatus(), report);
  EXPECT_THAT(
      NamesAndTimes(events),
      ElementsAre("call_start 1000000", "attempt_start 1000000", "attempt_end 1002000", "retry_delay 1002000",
                  "attempt_start 1027000", "attempt_end 1030000", "call_end 1030000"));
  EXPECT_EQ(events[2].at("code"), "UNAVAILABLE");
  EXPECT_EQ(events[2].at("message"), "gone");
  EXPECT_EQ(events[3].at("attempt"), 2);
  EXPECT_EQ(events[3].at("delay_us"), 25000);
  EXPECT_EQ(events[6].at("attempts"), 2);
}

TEST(TraceEvents, AHedgeStandsBeforeItsAttempt) {
  CallReport report = ReportOf({{"a:1", absl::CancelledError("another"), 0ms, 14ms, false},
                                {"b:2", absl::OkStatus(), 10ms, 4ms, true}});
  report.hedges = 1;
  const std::vector<json> events = EventsOf("c", absl::OkStatus(), report);
  EXPECT_THAT(
      NamesAndTimes(events),
      ElementsAre("call_start 1000000", "attempt_start 1000000", "hedge 1010000", "attempt_start 1010000",
                  "attempt_end 1014000", "attempt_end 1014000", "call_end 1014000"));
  EXPECT_EQ(events[2].at("after_us"), 10000);
  EXPECT_EQ(events[3].at("hedge"), true);
  EXPECT_EQ(events[6].at("hedges"), 1);
}

TEST(TraceEvents, RefusalsAndStaleAnswersAreTold) {
  CallReport report;
  report.elapsed = 1ms;
  report.breaker_refusals = 3;
  report.stale = true;
  report.stale_age = 5s;
  report.stale_error = absl::UnavailableError("circuit breakers open");
  const std::vector<json> events = EventsOf("c", absl::OkStatus(), report);
  EXPECT_THAT(NamesAndTimes(events), ElementsAre("call_start 1000000", "breaker_refusal 1001000",
                                                 "stale 1001000", "call_end 1001000"));
  EXPECT_EQ(events[1].at("endpoints"), 3);
  EXPECT_EQ(events[2].at("age_us"), 5'000'000);
  EXPECT_EQ(events[2].at("code"), "UNAVAILABLE");
  EXPECT_EQ(events[3].at("stale"), true);
}

TEST(TraceFile, BeginsWithWhatTiesItToTheWallClock) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("trace", "old");
  TraceFile file;
  ASSERT_FALSE(file.Open(path, "localhost:1").has_value());
  CallReport report;
  report.attempts = 1;
  const absl::Status ok;
  for (int i = 0; i < 2; ++i) {
    file.Add({.method = "m", .courier_id = "c", .started = kCallStart, .status = ok, .report = report});
  }
  ASSERT_FALSE(file.Finish().has_value());
  const std::vector<json> lines = JsonLines(ReadFile(path));
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_EQ(lines[0].at("event"), "trace_start");
  EXPECT_EQ(lines[0].at("v"), 1);
  EXPECT_EQ(lines[0].at("target"), "localhost:1");
  EXPECT_GT(lines[0].at("unix_us"), 1'500'000'000'000'000);
  EXPECT_EQ(lines[4].at("call"), 1);
  EXPECT_EQ(lines[8].at("call"), 2);
}

TEST(TraceFile, FailuresNameTheFile) {
  TraceFile missing;
  const auto unopened = missing.Open("/nonexistent/trace", "t");
  ASSERT_TRUE(unopened.has_value());
  EXPECT_EQ(ExitCodeOf(*unopened), 1);
  EXPECT_THAT(unopened->message, HasSubstr("/nonexistent/trace"));

  TraceFile full;
  ASSERT_FALSE(full.Open("/dev/full", "t").has_value());
  const auto unwritten = full.Finish();
  ASSERT_TRUE(unwritten.has_value());
  EXPECT_EQ(ExitCodeOf(*unwritten), 1);
  EXPECT_THAT(unwritten->message, HasSubstr("/dev/full: No space left"));
}

}  // namespace
}  // namespace dispatchctl::cli
