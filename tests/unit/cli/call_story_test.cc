#include "output/call_story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

CallReport AnsweredAtOnce() {
  CallReport report;
  report.attempts = 1;
  report.endpoint = "127.0.0.1:1";
  report.elapsed = 2500us;
  return report;
}

TEST(AttemptsOf, TheFirstThatAnsweredIsTheWholeCall) {
  const std::vector<AttemptReport> attempts = AttemptsOf(absl::OkStatus(), AnsweredAtOnce());
  ASSERT_THAT(attempts, SizeIs(1));
  EXPECT_EQ(attempts[0].endpoint, "127.0.0.1:1");
  EXPECT_TRUE(attempts[0].status.ok());
  EXPECT_EQ(attempts[0].started, 0ns);
  EXPECT_EQ(attempts[0].elapsed, 2500us);
}

TEST(AttemptsOf, NoneWasMade) {
  EXPECT_THAT(AttemptsOf(absl::UnavailableError("no such host"), CallReport{}), IsEmpty());
}

TEST(CallStory, TellsEachAttemptAndTheVerdict) {
  CallReport report = AnsweredAtOnce();
  report.attempts = 3;
  report.hedges = 1;
  report.elapsed = 30ms;
  report.endpoint = "b:2";
  report.history = {{"a:1", absl::UnavailableError("Socket closed"), 0ms, 1ms, false},
                    {"b:2", absl::OkStatus(), 20ms, 10ms, false},
                    {"c:3", absl::CancelledError(""), 25ms, 5ms, true}};
  EXPECT_THAT(
      CallStory("courier-42", absl::OkStatus(), report),
      ElementsAre(
          "courier-42: attempt 1 to a:1: UNAVAILABLE after 1.000 ms, started at 0.000 ms: Socket closed",
          "courier-42: attempt 2 to b:2: OK after 10.000 ms, started at 20.000 ms",
          "courier-42: attempt 3 to c:3 (hedge): CANCELLED after 5.000 ms, started at 25.000 ms",
          "courier-42: OK after 30.000 ms, 3 attempts of which 1 hedge, endpoint b:2"));
}

TEST(CallStory, TellsWhatStoodInTheWay) {
  CallReport report;
  report.elapsed = 1ms;
  report.breaker_refusals = 2;
  report.stale = true;
  report.stale_age = 1500ms;
  report.stale_error = absl::UnavailableError("circuit breakers open");
  EXPECT_THAT(CallStory("c-1", absl::OkStatus(), report),
              ElementsAre("c-1: OK after 1.000 ms, 0 attempts, endpoint none, 2 endpoints passed over as the "
                          "circuit breaker is open, last known status of 1500.000 ms ago in place of "
                          "UNAVAILABLE"));
}

}  // namespace
}  // namespace dispatchctl::cli
