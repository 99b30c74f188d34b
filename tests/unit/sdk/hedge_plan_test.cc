#include "call/hedge_plan.h"

#include <gtest/gtest.h>

#include "attempt_failures.h"

namespace dispatchctl::internal {
namespace {

using absl::StatusCode;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using AfterFailure = HedgePlan::AfterFailure;

HedgingPolicy Fixed(milliseconds delay, int max_hedges = 1) {
  HedgingPolicy policy;
  policy.mode = HedgingMode::kFixed;
  policy.delay = delay;
  policy.max_hedges = max_hedges;
  return policy;
}

class HedgePlanTest : public testing::Test {
 protected:
  // A call that may be hedged twice, ten milliseconds apart; its first attempt has just gone out.
  HedgePlanTest() { plan_.OnAttempt(start_); }

  Time At(int ms) const { return start_ + milliseconds(ms); }
  bool TryHedge(int ms, int attempts = 1) {
    return plan_.TryHedge(attempts, hedges_, retries_, At(ms), deadline_);
  }
  AfterFailure Fail(const AttemptFailure& failure, int others, int ms) {
    return plan_.OnFailure(failure, others, retries_, At(ms));
  }
  double Taken() const { return 10 - retries_.tokens(); }

  const Time start_{hours(1000)};
  const Time deadline_ = start_ + seconds(1);
  HedgePlan plan_{Fixed(milliseconds(10), 2), CallRetryPolicy{}, milliseconds(10)};
  HedgeBudget hedges_;
  RetryBudget retries_{RetryThrottling{}};
};

TEST(HedgeDelay, ComesFromTheMode) {
  HedgingPolicy policy;
  EXPECT_FALSE(HedgeDelay(policy, milliseconds(8)).has_value());
  policy.mode = HedgingMode::kFixed;
  policy.delay = milliseconds(5);
  EXPECT_EQ(HedgeDelay(policy, milliseconds(8)), milliseconds(5));
  EXPECT_EQ(HedgeDelay(policy, std::nullopt), milliseconds(5));
  policy.delay = milliseconds(0);
  EXPECT_EQ(HedgeDelay(policy, std::nullopt), milliseconds(0));
  policy.mode = HedgingMode::kAutomatic;
  EXPECT_EQ(HedgeDelay(policy, milliseconds(8)), milliseconds(8));
  EXPECT_EQ(HedgeDelay(policy, nanoseconds(20)), milliseconds(1));
  EXPECT_FALSE(HedgeDelay(policy, std::nullopt).has_value()) << "too few were seen";
}

TEST(HedgeDelay, IsNoneForAShareOfZero) {
  HedgingPolicy policy = Fixed(milliseconds(1));
  policy.max_ratio = 0;
  EXPECT_FALSE(HedgeDelay(policy, std::nullopt).has_value());
}

TEST_F(HedgePlanTest, SendsHedgesADelayApartUpToTheGreatestNumber) {
  EXPECT_EQ(plan_.next_hedge(), At(10));
  EXPECT_TRUE(TryHedge(10));
  EXPECT_EQ(plan_.next_hedge(), At(20));
  EXPECT_TRUE(TryHedge(21, 2));
  EXPECT_FALSE(plan_.next_hedge().has_value());
  EXPECT_FALSE(TryHedge(1000, 3));
  EXPECT_EQ(plan_.hedges(), 2);
}

TEST_F(HedgePlanTest, SendsNoneBeforeItsTimeAndKeepsItsTurn) {
  EXPECT_FALSE(TryHedge(9));
  EXPECT_EQ(plan_.next_hedge(), At(10));
  EXPECT_TRUE(hedges_.TryTake());
  EXPECT_TRUE(hedges_.TryTake());
  EXPECT_TRUE(hedges_.TryTake()) << "nothing was taken for asking";
}

TEST_F(HedgePlanTest, SendsNoneWithoutADelay) {
  HedgePlan plan(HedgingPolicy{}, CallRetryPolicy{}, std::nullopt);
  plan.OnAttempt(start_);
  EXPECT_FALSE(plan.next_hedge().has_value());
  EXPECT_FALSE(plan.TryHedge(1, hedges_, retries_, At(100), deadline_));
}

TEST_F(HedgePlanTest, MakesNoMoreAttemptsThanRetriesMay) {
  EXPECT_TRUE(TryHedge(10, 3));
  EXPECT_FALSE(TryHedge(20, 4));
  EXPECT_FALSE(plan_.next_hedge().has_value());
  EXPECT_EQ(plan_.hedges(), 1);
}

TEST_F(HedgePlanTest, SendsNoneAtTheDeadline) {
  EXPECT_FALSE(TryHedge(1000));
  EXPECT_FALSE(plan_.next_hedge().has_value());
}

TEST_F(HedgePlanTest, GivesUpHedgingOnlyWhenTheHedgeBudgetIsUsedUp) {
  while (hedges_.TryTake()) {
  }
  EXPECT_FALSE(TryHedge(10));
  EXPECT_FALSE(plan_.next_hedge().has_value());
  EXPECT_EQ(plan_.hedges(), 0);
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 0, 12), AfterFailure::kRetry)
      << "the call itself goes on";
}

TEST_F(HedgePlanTest, SendsNoneAndTakesNothingWhenRetriesAreThrottled) {
  while (retries_.MayHedge()) retries_.OnFailure();
  EXPECT_FALSE(TryHedge(10));
  EXPECT_TRUE(hedges_.TryTake());
  EXPECT_TRUE(hedges_.TryTake());
  EXPECT_TRUE(hedges_.TryTake());
}

TEST_F(HedgePlanTest, PullsTheNextHedgeForwardAfterAFailureThatIsNotFinal) {
  ASSERT_TRUE(TryHedge(10));
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 1, 12), AfterFailure::kWait);
  EXPECT_EQ(plan_.next_hedge(), At(12));
  EXPECT_TRUE(TryHedge(12, 2));
  EXPECT_EQ(Taken(), 1);
}

TEST_F(HedgePlanTest, WaitsForTheOthersWhenNoHedgeIsLeft) {
  ASSERT_TRUE(TryHedge(10));
  ASSERT_TRUE(TryHedge(20, 2));
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 2, 22), AfterFailure::kWait);
  EXPECT_FALSE(plan_.next_hedge().has_value());
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 1, 23), AfterFailure::kWait);
  EXPECT_EQ(Taken(), 2);
}

TEST_F(HedgePlanTest, EndsTheCallAtAFinalFailure) {
  ASSERT_TRUE(TryHedge(10));
  EXPECT_EQ(Fail(Failure(StatusCode::kNotFound), 1, 12), AfterFailure::kEnd);
  EXPECT_FALSE(plan_.next_hedge().has_value());
  EXPECT_EQ(Taken(), 0);
}

TEST_F(HedgePlanTest, LeavesTheLastFailureToRetries) {
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 0, 5), AfterFailure::kRetry);
  EXPECT_FALSE(plan_.next_hedge().has_value());
  EXPECT_EQ(Taken(), 0) << "the retry's decision takes it";
  EXPECT_EQ(Fail(Failure(StatusCode::kNotFound), 0, 5), AfterFailure::kRetry);
}

TEST_F(HedgePlanTest, HedgesARetryWithWhatIsLeft) {
  ASSERT_TRUE(TryHedge(10));
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 1, 11), AfterFailure::kWait);
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 0, 11), AfterFailure::kRetry);
  plan_.OnAttempt(At(50));
  EXPECT_EQ(plan_.next_hedge(), At(60));
  EXPECT_TRUE(TryHedge(60, 3));
  EXPECT_FALSE(plan_.next_hedge().has_value());
}

TEST_F(HedgePlanTest, WaitsWithTheNextHedgeAsLongAsAServerSays) {
  ASSERT_TRUE(TryHedge(10));
  EXPECT_EQ(Fail(WithPushback(StatusCode::kUnavailable, milliseconds(30)), 1, 12), AfterFailure::kWait);
  EXPECT_EQ(plan_.next_hedge(), At(42));
  EXPECT_EQ(Fail(WithPushback(StatusCode::kUnavailable, milliseconds::max()), 1, 12), AfterFailure::kWait);
  EXPECT_GT(plan_.next_hedge(), deadline_);
}

TEST_F(HedgePlanTest, SendsNoMoreOnceAServerAsksNotTo) {
  ASSERT_TRUE(TryHedge(10));
  EXPECT_EQ(Fail(WithPushback(StatusCode::kUnavailable, std::nullopt), 1, 12), AfterFailure::kWait)
      << "the other attempt may still answer";
  EXPECT_FALSE(plan_.next_hedge().has_value());
  EXPECT_EQ(Taken(), 1);
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 0, 13), AfterFailure::kEnd) << "nor a retry";
  EXPECT_EQ(Taken(), 2);
  plan_.OnAttempt(At(20));
  EXPECT_FALSE(plan_.next_hedge().has_value());
}

TEST_F(HedgePlanTest, TakesATokenForAServersRefusalWhateverTheCode) {
  ASSERT_TRUE(TryHedge(10));
  EXPECT_EQ(Fail(WithPushback(StatusCode::kInternal, std::nullopt), 1, 12), AfterFailure::kEnd);
  EXPECT_EQ(Taken(), 1);
}

TEST_F(HedgePlanTest, NeverOverflowsWithALongDelay) {
  HedgePlan plan(Fixed(milliseconds(1)), CallRetryPolicy{}, nanoseconds::max());
  plan.OnAttempt(start_);
  EXPECT_GT(plan.next_hedge(), deadline_);
}

}  // namespace
}  // namespace dispatchctl::internal
