#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/report.h"
#include "bench/report_formats.h"
#include "bench/threshold.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Threshold ParsedThreshold(std::string_view text) {
  const absl::StatusOr<Threshold> threshold = ParseThreshold(text);
  EXPECT_TRUE(threshold.ok()) << text << ": " << threshold.status();
  return threshold.value_or(Threshold{});
}

std::string ThresholdError(std::string_view text) {
  const absl::StatusOr<Threshold> threshold = ParseThreshold(text);
  if (threshold.ok()) return "no error";
  EXPECT_EQ(threshold.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(threshold.status().message());
}

// A hundred calls of 1 ms to 100 ms, and one failure in 2 s.
BenchReport ReportOfAHundredCalls() {
  BenchReport report;
  for (int i = 1; i <= 100; ++i) report.counts.latency.Add(i * 1ms);
  report.counts.ok = 100;
  report.counts.errors_by_code["UNAVAILABLE"] = 1;
  report.elapsed = 2s;
  return report;
}

ThresholdOutcome Judged(std::string_view text) {
  return Judge(ParsedThreshold(text), ReportOfAHundredCalls());
}

TEST(Threshold, ReadsEveryMetric) {
  EXPECT_EQ(ParsedThreshold("p99<20ms").metric, Threshold::Metric::kPercentile);
  EXPECT_DOUBLE_EQ(ParsedThreshold("p99<20ms").percentile, 99.0);
  EXPECT_DOUBLE_EQ(ParsedThreshold("p99<20ms").bound, 20e6);
  EXPECT_DOUBLE_EQ(ParsedThreshold("p99.99<20ms").percentile, 99.99);
  EXPECT_EQ(ParsedThreshold("mean<5ms").metric, Threshold::Metric::kMean);
  EXPECT_EQ(ParsedThreshold("min<5ms").metric, Threshold::Metric::kMin);
  EXPECT_EQ(ParsedThreshold("max<1s").metric, Threshold::Metric::kMax);
  EXPECT_EQ(ParsedThreshold("errors<0.1%").metric, Threshold::Metric::kErrorShare);
  EXPECT_DOUBLE_EQ(ParsedThreshold("errors<0.1%").bound, 0.001);
  EXPECT_EQ(ParsedThreshold("errors<=3").metric, Threshold::Metric::kErrorCount);
  EXPECT_EQ(ParsedThreshold("rate>=9900/s").metric, Threshold::Metric::kRate);
  EXPECT_DOUBLE_EQ(ParsedThreshold("rate>=9900").bound, 9900.0);
}

TEST(Threshold, ReadsEveryComparison) {
  EXPECT_EQ(ParsedThreshold("max<1s").comparison, Threshold::Comparison::kLess);
  EXPECT_EQ(ParsedThreshold("max<=1s").comparison, Threshold::Comparison::kAtMost);
  EXPECT_EQ(ParsedThreshold("max>1s").comparison, Threshold::Comparison::kMore);
  EXPECT_EQ(ParsedThreshold("max>=1s").comparison, Threshold::Comparison::kAtLeast);
}

TEST(Threshold, AllowsSpaces) {
  const Threshold threshold = ParsedThreshold(" p99.9 <= 50ms ");
  EXPECT_DOUBLE_EQ(threshold.percentile, 99.9);
  EXPECT_EQ(threshold.text, "p99.9 <= 50ms");
  EXPECT_DOUBLE_EQ(ParsedThreshold("errors < 1 %").bound, 0.01);
}

TEST(Threshold, SaysWhatIsExpected) {
  for (const char* text : {"", "p99", "p99=20ms", "<20ms", "median<1s", "errors", "latency<3ms"}) {
    EXPECT_THAT(ThresholdError(text), HasSubstr("p99<20ms")) << text;
  }
  for (const char* text : {"p<1s", "p0<1s", "p101<1s", "px<1s", "p-1<1s"}) {
    EXPECT_THAT(ThresholdError(text), HasSubstr("percentile above 0")) << text;
  }
  EXPECT_THAT(ThresholdError("p99<20"), HasSubstr("needs a unit"));
  EXPECT_THAT(ThresholdError("mean<fast"), HasSubstr("duration"));
  for (const char* text : {"errors<few", "errors<%", "errors<-1", "errors<1ms"}) {
    EXPECT_THAT(ThresholdError(text), HasSubstr("percentage")) << text;
  }
  EXPECT_THAT(ThresholdError("rate>fast"), HasSubstr("number a second"));
}

TEST(Threshold, IsHeldToTheReport) {
  EXPECT_TRUE(Judged("p50<=51ms").met);
  EXPECT_FALSE(Judged("p50<49ms").met);
  EXPECT_TRUE(Judged("max<=100ms").met);
  EXPECT_FALSE(Judged("max<100ms").met);
  EXPECT_TRUE(Judged("min>=1ms").met);
  EXPECT_TRUE(Judged("mean>50ms").met);
  EXPECT_TRUE(Judged("errors<=1").met);
  EXPECT_FALSE(Judged("errors<1").met);
  EXPECT_TRUE(Judged("errors<1%").met);
  EXPECT_FALSE(Judged("errors<0.9%").met);
  EXPECT_TRUE(Judged("rate>=50.5/s").met);
  EXPECT_FALSE(Judged("rate>=51/s").met);
}

TEST(Threshold, AMissNamesThresholdAndFigure) {
  EXPECT_EQ(MissedThreshold(Judged("max < 90ms")), "max is 100.000 ms, not < 90ms");
  EXPECT_EQ(MissedThreshold(Judged("errors<0.5%")), "errors is 0.9901 %, not <0.5%");
  EXPECT_EQ(MissedThreshold(Judged("errors<1")), "errors is 1, not <1");
  EXPECT_EQ(MissedThreshold(Judged("rate>1000/s")), "rate is 50.5/s, not >1000/s");
}

TEST(Threshold, NothingAnsweredMeetsNoLatency) {
  const BenchReport empty;
  for (const char* text : {"p99<1h", "mean<1h", "max<1h", "min<1h", "errors<100%"}) {
    const ThresholdOutcome outcome = Judge(ParsedThreshold(text), empty);
    EXPECT_FALSE(outcome.met) << text;
    EXPECT_FALSE(outcome.value.has_value()) << text;
  }
  EXPECT_EQ(MissedThreshold(Judge(ParsedThreshold("p99<1h"), empty)), "p99: nothing to hold to p99<1h");
  EXPECT_TRUE(Judge(ParsedThreshold("errors<=0"), empty).met);
}

}  // namespace
}  // namespace dispatchctl::cli
