#include "output/assign_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

AssignSummary Example() {
  AssignSummary summary;
  summary.sent = 10;
  summary.acknowledged = 8;
  summary.accepted = 5;
  summary.rejected = 3;
  summary.failed = 1;
  summary.skipped = 4;
  summary.unacknowledged = 2;
  for (int i = 0; i < 8; ++i) summary.latency.Add(2ms);
  summary.elapsed = 2s;
  return summary;
}

TEST(AssignSummary, JsonHasEveryNumber) {
  const auto values = nlohmann::json::parse(AssignSummaryJson(Example()))["summary"];
  EXPECT_EQ(values["sent"], 10);
  EXPECT_EQ(values["acknowledged"], 8);
  EXPECT_EQ(values["accepted"], 5);
  EXPECT_EQ(values["rejected"], 3);
  EXPECT_EQ(values["failed"], 1);
  EXPECT_EQ(values["skipped"], 4);
  EXPECT_EQ(values["unacknowledged"], 2);
  EXPECT_EQ(values["resent"], 0);
  EXPECT_EQ(values["unknown_results"], 0);
  EXPECT_EQ(values["reconnects"], 0);
  EXPECT_NEAR(values["p50_ms"].get<double>(), 2.0, 0.1);
  EXPECT_NEAR(values["p99_ms"].get<double>(), 2.0, 0.1);
  EXPECT_EQ(values["rate_per_s"], 4.0);
  EXPECT_EQ(values["elapsed_ms"], 2000.0);
}

TEST(AssignSummary, NoLatencyIsNull) {
  const auto values = nlohmann::json::parse(AssignSummaryJson(AssignSummary{}))["summary"];
  EXPECT_TRUE(values["p50_ms"].is_null());
  EXPECT_EQ(values["rate_per_s"], 0.0);
}

TEST(AssignSummary, TextHasEveryNumber) {
  const std::string text = AssignSummaryText(Example());
  for (const char* part : {"sent 10", "acknowledged 8", "accepted 5", "rejected 3", "failed 1", "skipped 4",
                           "unacknowledged 2", "resent 0", "reconnects 0", "p50", "p99", "4/s", "2.000 s"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace dispatchctl::cli
