#include "mapping/problem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace bff {
namespace {

using dispatchctl::Origin;

struct Row {
  absl::StatusCode code;
  int from_server;
  int local;
};

class HttpStatusTest : public ::testing::TestWithParam<Row> {};

TEST_P(HttpStatusTest, FollowsTheTable) {
  const Row& row = GetParam();
  EXPECT_EQ(HttpStatusOf(row.code, Origin::kServer), row.from_server);
  EXPECT_EQ(HttpStatusOf(row.code, Origin::kLocal), row.local);
  EXPECT_NE(ReasonPhrase(row.from_server), "Error");
  EXPECT_NE(ReasonPhrase(row.local), "Error");
}

// The table of the example's README.md.
INSTANTIATE_TEST_SUITE_P(
    Codes, HttpStatusTest,
    ::testing::Values(
        Row{absl::StatusCode::kOk, 200, 200}, Row{absl::StatusCode::kCancelled, 503, 503},
        Row{absl::StatusCode::kUnknown, 500, 500}, Row{absl::StatusCode::kInvalidArgument, 400, 400},
        Row{absl::StatusCode::kDeadlineExceeded, 504, 504}, Row{absl::StatusCode::kNotFound, 404, 404},
        Row{absl::StatusCode::kAlreadyExists, 409, 409}, Row{absl::StatusCode::kPermissionDenied, 502, 502},
        Row{absl::StatusCode::kResourceExhausted, 429, 502},
        Row{absl::StatusCode::kFailedPrecondition, 400, 400}, Row{absl::StatusCode::kAborted, 409, 409},
        Row{absl::StatusCode::kOutOfRange, 400, 400}, Row{absl::StatusCode::kUnimplemented, 501, 501},
        Row{absl::StatusCode::kInternal, 500, 500}, Row{absl::StatusCode::kUnavailable, 503, 503},
        Row{absl::StatusCode::kDataLoss, 500, 500}, Row{absl::StatusCode::kUnauthenticated, 502, 502}),
    [](const auto& row) { return absl::StatusCodeToString(row.param.code); });

TEST(ProblemTest, TellsTheCause) {
  dispatchctl::CallReport report;
  report.attempts = 3;
  report.origin = Origin::kServer;
  report.phase = dispatchctl::Phase::kCall;
  report.retry_after = std::chrono::milliseconds(1500);
  const Problem problem = ProblemOf(absl::UnavailableError("draining"), report);
  EXPECT_EQ(Dump(ToJson(problem)),
            R"({"type":"about:blank","title":"Service Unavailable","status":503,"detail":"draining",)"
            R"("retry_after_ms":1500,"cause":{"code":"UNAVAILABLE","message":"draining","phase":"call",)"
            R"("origin":"server","attempts":3}})");
}

TEST(ProblemTest, OfTheRequestItselfHasNoCause) {
  EXPECT_EQ(Dump(ToJson({.status = 400, .detail = "no"})),
            R"({"type":"about:blank","title":"Bad Request","status":400,"detail":"no"})");
}

TEST(ProblemTest, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(Dump({{"id", "a\xff"}}), "{\"id\":\"a\xef\xbf\xbd\"}");
}

TEST(ProblemTest, RoundsTheTimeToWaitUp) {
  using std::chrono::milliseconds;
  EXPECT_EQ(RetryAfterSeconds(milliseconds(0)), "1");
  EXPECT_EQ(RetryAfterSeconds(milliseconds(1000)), "1");
  EXPECT_EQ(RetryAfterSeconds(milliseconds(1001)), "2");
}

}  // namespace
}  // namespace bff
