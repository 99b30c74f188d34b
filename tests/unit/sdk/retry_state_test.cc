#include "call/retry_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <type_traits>

#include "attempt_failures.h"
#include "call/backoff.h"

namespace dispatchctl::internal {
namespace {

using absl::StatusCode;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

static_assert(std::is_trivially_copyable_v<CallRetryPolicy>);

constexpr double kNoJitter = 0.5;

CallRetryPolicy Policy(int max_attempts = 4) {
  CallRetryPolicy policy;
  policy.max_attempts = max_attempts;
  policy.initial_backoff = milliseconds(100);
  policy.max_backoff = milliseconds(300);
  policy.backoff_multiplier = 2;
  policy.retryable_codes = CodeBit(StatusCode::kUnavailable) | CodeBit(StatusCode::kAborted);
  return policy;
}

// A call that fails at once each time, with ten seconds left.
class RetryStateTest : public testing::Test {
 protected:
  RetryState::Decision Fail(const AttemptFailure& failure, int attempts = 1) {
    return state_.OnFailure(failure, attempts, budget_, now_, deadline_, kNoJitter);
  }
  // Tokens that `failure` took.
  double Taken() const { return 10 - budget_.tokens(); }

  RetryState state_{Policy()};
  RetryBudget budget_{RetryThrottling{}};
  Time now_{hours(1000)};
  Time deadline_ = now_ + seconds(10);
};

TEST(Backoff, GrowsFromTheInitialDelayToTheGreatest) {
  EXPECT_EQ(BackoffDelay(Policy(), 1, kNoJitter), milliseconds(100));
  EXPECT_EQ(BackoffDelay(Policy(), 2, kNoJitter), milliseconds(200));
  EXPECT_EQ(BackoffDelay(Policy(), 3, kNoJitter), milliseconds(300));
  EXPECT_EQ(BackoffDelay(Policy(), 100'000, kNoJitter), milliseconds(300));
}

TEST(Backoff, F45HasTwentyPercentOfJitterFromTheFirstDelay) {
  EXPECT_EQ(BackoffDelay(Policy(), 1, 0), milliseconds(80));
  EXPECT_EQ(BackoffDelay(Policy(), 1, 1), milliseconds(120));
  EXPECT_EQ(BackoffDelay(Policy(), 3, 0), milliseconds(240));
  EXPECT_EQ(BackoffDelay(Policy(), 3, 1), milliseconds(360)) << "may exceed the greatest by the jitter";
}

TEST(Backoff, ShrinksWithAMultiplierBelowOne) {
  CallRetryPolicy policy = Policy();
  policy.backoff_multiplier = 0.5;
  EXPECT_EQ(BackoffDelay(policy, 2, kNoJitter), milliseconds(50));
  EXPECT_EQ(BackoffDelay(policy, 5000, kNoJitter), nanoseconds(0));
}

TEST(Backoff, NeverOverflows) {
  CallRetryPolicy policy = Policy();
  policy.initial_backoff = nanoseconds::max();
  policy.max_backoff = nanoseconds::max();
  EXPECT_EQ(BackoffDelay(policy, 2, 1), nanoseconds::max());
  EXPECT_EQ(BackoffDelay(policy, 1, kNoJitter), nanoseconds::max()) << "as a double it is one more";
  policy.backoff_multiplier = std::numeric_limits<double>::max();
  EXPECT_EQ(BackoffDelay(policy, 50, 1), nanoseconds::max());
}

TEST(CompiledPolicy, IsByDefaultWhatThePublicDefaultSays) {
  const CallRetryPolicy compiled = Compile(RetryPolicy{});
  const CallRetryPolicy built_in;
  EXPECT_EQ(compiled.max_attempts, built_in.max_attempts);
  EXPECT_EQ(compiled.initial_backoff, built_in.initial_backoff);
  EXPECT_EQ(compiled.max_backoff, built_in.max_backoff);
  EXPECT_EQ(compiled.backoff_multiplier, built_in.backoff_multiplier);
  EXPECT_EQ(compiled.retryable_codes, built_in.retryable_codes);
}

TEST(CompiledPolicy, TakesEveryMemberOver) {
  RetryPolicy policy;
  policy.max_attempts = 7;
  policy.initial_backoff = milliseconds(3);
  policy.max_backoff = milliseconds(9);
  policy.backoff_multiplier = 1.5;
  policy.retryable_codes = {StatusCode::kUnauthenticated, StatusCode::kCancelled, static_cast<StatusCode>(40),
                            static_cast<StatusCode>(-1)};
  const CallRetryPolicy compiled = Compile(policy);
  EXPECT_EQ(compiled.max_attempts, 7);
  EXPECT_EQ(compiled.initial_backoff, milliseconds(3));
  EXPECT_EQ(compiled.max_backoff, milliseconds(9));
  EXPECT_EQ(compiled.backoff_multiplier, 1.5);
  EXPECT_EQ(compiled.retryable_codes, 1U << 16 | 1U << 1);
}

TEST(ParsePushback, ReadsMillisecondsAndTakesTheRestForARefusal) {
  EXPECT_FALSE(ParsePushback(std::nullopt).has_value());
  EXPECT_EQ(ParsePushback("0")->delay, milliseconds(0));
  EXPECT_EQ(ParsePushback("1500")->delay, milliseconds(1500));
  EXPECT_EQ(ParsePushback("9223372036854775807")->delay, milliseconds::max());
  for (const char* refusal :
       {"", "-1", "-0.5", "abc", "10ms", "1.5", " 10", "10 ", "+10", "0x10", "9223372036854775808"}) {
    const std::optional<Pushback> pushback = ParsePushback(refusal);
    ASSERT_TRUE(pushback.has_value()) << refusal;
    EXPECT_FALSE(pushback->delay.has_value()) << refusal;
  }
}

TEST(AttemptFailure, IsOfThisSideAndForNoKnownReasonUntilToldOtherwise) {
  CallRetryPolicy policy = Policy();
  policy.retryable_codes = ~0U;
  AttemptFailure failure;
  EXPECT_TRUE(IsRetryable(failure, policy)) << "UNKNOWN is no success";
  failure.code = StatusCode::kCancelled;
  EXPECT_FALSE(IsRetryable(failure, policy));
}

TEST(RetryDecision, IsANoUntilToldOtherwise) {
  EXPECT_FALSE(RetryState::Decision().retry);
  EXPECT_EQ(RetryState::Decision().delay, nanoseconds(0));
}

TEST_F(RetryStateTest, WaitsLongerFromRetryToRetry) {
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 1).delay, milliseconds(100));
  EXPECT_EQ(Fail(Failure(StatusCode::kAborted), 2).delay, milliseconds(200));
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 3).delay, milliseconds(300));
}

TEST_F(RetryStateTest, StopsAtTheLastAttempt) {
  EXPECT_TRUE(Fail(Failure(StatusCode::kUnavailable), 3).retry);
  const RetryState::Decision decision = Fail(Failure(StatusCode::kUnavailable), 4);
  EXPECT_FALSE(decision.retry);
  EXPECT_STREQ(decision.reason, "no attempts left");
  EXPECT_EQ(Taken(), 2) << "the last failure counts as well";
}

TEST_F(RetryStateTest, MakesMoreAttemptsThanCoreWould) {
  RetryState state(Policy(100));
  RetryThrottling throttling;
  throttling.max_tokens = 1000;
  RetryBudget budget(throttling);
  for (int attempts = 1; attempts < 100; ++attempts) {
    ASSERT_TRUE(
        state.OnFailure(Failure(StatusCode::kUnavailable), attempts, budget, now_, deadline_, 0).retry);
  }
  EXPECT_FALSE(state.OnFailure(Failure(StatusCode::kUnavailable), 100, budget, now_, deadline_, 0).retry);
}

TEST_F(RetryStateTest, RetriesNothingWithASingleAttempt) {
  RetryState state(Policy(1));
  EXPECT_STREQ(
      state.OnFailure(Failure(StatusCode::kUnavailable), 1, budget_, now_, deadline_, kNoJitter).reason,
      "no attempts left");
}

TEST_F(RetryStateTest, RetriesOnlyTheListedCodesAndTakesNoTokenForTheOthers) {
  const std::set<StatusCode> listed = {StatusCode::kUnavailable, StatusCode::kAborted};
  for (int number = 0; number <= 20; ++number) {
    RetryState state(Policy());
    RetryBudget budget(RetryThrottling{});
    const auto code = static_cast<StatusCode>(number);
    const RetryState::Decision decision =
        state.OnFailure(Failure(code), 1, budget, now_, deadline_, kNoJitter);
    EXPECT_EQ(decision.retry, listed.count(code) == 1) << number;
    EXPECT_STREQ(decision.reason, decision.retry ? "" : "not retryable") << number;
    EXPECT_EQ(budget.tokens(), decision.retry ? 9 : 10) << number;
  }
}

TEST_F(RetryStateTest, RetriesAFailureToConnect) {
  AttemptFailure failure{StatusCode::kUnavailable};
  EXPECT_TRUE(Fail(failure).retry);
}

TEST_F(RetryStateTest, NeverRetriesSuccess) {
  CallRetryPolicy policy = Policy();
  policy.retryable_codes = ~0U;
  RetryState state(policy);
  EXPECT_FALSE(state.OnFailure(Failure(StatusCode::kOk), 1, budget_, now_, deadline_, kNoJitter).retry);
  EXPECT_EQ(Taken(), 0);
}

TEST_F(RetryStateTest, NeverRetriesWhatThisSideRefused) {
  AttemptFailure failure = Failure(StatusCode::kUnavailable);
  failure.never_retry = true;
  failure.attempt_timed_out = true;
  EXPECT_STREQ(Fail(failure).reason, "not retryable");
  EXPECT_EQ(Taken(), 0);
}

TEST_F(RetryStateTest, RetriesAnAttemptThatRanIntoItsOwnBoundButNotTheCall) {
  AttemptFailure failure{StatusCode::kDeadlineExceeded};
  failure.attempt_timed_out = true;
  EXPECT_TRUE(Fail(failure).retry);
  EXPECT_EQ(Taken(), 1);
  EXPECT_STREQ(Fail(failure, 4).reason, "no attempts left");
  failure.attempt_timed_out = false;
  EXPECT_STREQ(Fail(failure).reason, "not retryable");
}

TEST_F(RetryStateTest, TellsAServersVerdictFromItsOwn) {
  CallRetryPolicy policy = Policy();
  policy.retryable_codes = ~0U;
  for (StatusCode code :
       {StatusCode::kDeadlineExceeded, StatusCode::kCancelled, StatusCode::kResourceExhausted}) {
    AttemptFailure failure = Failure(code);
    EXPECT_TRUE(RetryState(policy).OnFailure(failure, 1, budget_, now_, deadline_, kNoJitter).retry) << code;
    failure.from_server = false;
    EXPECT_FALSE(RetryState(policy).OnFailure(failure, 1, budget_, now_, deadline_, kNoJitter).retry) << code;
  }
}

TEST_F(RetryStateTest, RetriesResourceExhaustedOnceTheServerNamesADelay) {
  EXPECT_STREQ(Fail(Failure(StatusCode::kResourceExhausted)).reason, "not retryable");
  EXPECT_EQ(Taken(), 0);
  const RetryState::Decision decision = Fail(WithPushback(StatusCode::kResourceExhausted, milliseconds(500)));
  EXPECT_TRUE(decision.retry);
  EXPECT_EQ(decision.delay, milliseconds(500));
  EXPECT_EQ(Taken(), 1);
}

TEST_F(RetryStateTest, TakesADelayForNoReasonToRetryOtherCodes) {
  EXPECT_STREQ(Fail(WithPushback(StatusCode::kInternal, milliseconds(5))).reason, "not retryable");
  EXPECT_EQ(Taken(), 0);
}

TEST_F(RetryStateTest, WaitsExactlyAsLongAsTheServerSaysThenStartsAfresh) {
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 1).delay, milliseconds(100));
  EXPECT_EQ(Fail(WithPushback(StatusCode::kUnavailable, milliseconds(1000)), 2).delay, milliseconds(1000));
  EXPECT_EQ(Fail(Failure(StatusCode::kUnavailable), 3).delay, milliseconds(100));
}

TEST_F(RetryStateTest, RetriesAtOnceWhenTheServerSaysZero) {
  const RetryState::Decision decision = Fail(WithPushback(StatusCode::kUnavailable, milliseconds(0)));
  EXPECT_TRUE(decision.retry);
  EXPECT_EQ(decision.delay, nanoseconds(0));
}

TEST_F(RetryStateTest, MakesNoMoreAttemptsBecauseAServerNamesADelay) {
  EXPECT_STREQ(Fail(WithPushback(StatusCode::kUnavailable, milliseconds(1)), 4).reason, "no attempts left");
}

TEST_F(RetryStateTest, ObeysAServerThatAsksNotToRetry) {
  const RetryState::Decision decision = Fail(WithPushback(StatusCode::kUnavailable, std::nullopt));
  EXPECT_FALSE(decision.retry);
  EXPECT_STREQ(decision.reason, "the server asked not to retry");
  EXPECT_EQ(Taken(), 1);
  EXPECT_STREQ(Fail(WithPushback(StatusCode::kAborted, milliseconds(-5))).reason,
               "the server asked not to retry");
  EXPECT_EQ(Taken(), 2);
}

TEST_F(RetryStateTest, TakesATokenForAServersRefusalWhateverTheCode) {
  EXPECT_FALSE(Fail(WithPushback(StatusCode::kInternal, std::nullopt)).retry);
  EXPECT_EQ(Taken(), 1);
  EXPECT_FALSE(Fail(WithPushback(StatusCode::kResourceExhausted, std::nullopt)).retry);
  EXPECT_EQ(Taken(), 2);
}

TEST_F(RetryStateTest, StopsWhenTheBudgetIsUsedUp) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Fail(Failure(StatusCode::kUnavailable)).retry) << i;
  EXPECT_STREQ(Fail(Failure(StatusCode::kUnavailable)).reason, "the retry budget is used up");
  EXPECT_STREQ(Fail(WithPushback(StatusCode::kUnavailable, milliseconds(0))).reason,
               "the retry budget is used up");
}

TEST_F(RetryStateTest, NeverStartsAnAttemptAtOrAfterTheDeadline) {
  deadline_ = now_ + milliseconds(100);
  EXPECT_STREQ(Fail(Failure(StatusCode::kUnavailable)).reason,
               "the next attempt would start after the deadline");
  deadline_ = now_ - seconds(1);
  EXPECT_FALSE(Fail(Failure(StatusCode::kUnavailable)).retry);
  EXPECT_FALSE(Fail(WithPushback(StatusCode::kUnavailable, milliseconds(0))).retry);
}

TEST_F(RetryStateTest, StartsAnAttemptJustBeforeTheDeadline) {
  deadline_ = now_ + milliseconds(100) + nanoseconds(1);
  EXPECT_TRUE(Fail(Failure(StatusCode::kUnavailable)).retry);
}

TEST_F(RetryStateTest, FailsNowWhenTheServersDelayReachesPastTheDeadline) {
  EXPECT_TRUE(Fail(WithPushback(StatusCode::kUnavailable, milliseconds(9999))).retry);
  EXPECT_STREQ(Fail(WithPushback(StatusCode::kUnavailable, milliseconds(10'000))).reason,
               "the next attempt would start after the deadline");
  EXPECT_FALSE(Fail(WithPushback(StatusCode::kUnavailable, milliseconds::max())).retry);
  deadline_ = now_ + milliseconds(100) + nanoseconds(1);
  EXPECT_TRUE(Fail(WithPushback(StatusCode::kUnavailable, milliseconds(100))).retry) << "just in time";
}

// The scenario of grpc-go's TestRetryThrottling.
TEST_F(RetryStateTest, SharesOneBudgetAmongCalls) {
  const std::set<int> succeeding = {0, 3, 6, 10, 11, 12, 13, 14, 16, 18};
  struct Call {
    bool ok;
    int last_request;
  };
  const Call calls[] = {{true, 0},  {true, 3},  {true, 6},  {false, 8}, {false, 9}, {true, 10},
                        {true, 11}, {true, 12}, {true, 13}, {true, 14}, {true, 16}, {false, 17}};
  RetryThrottling throttling;
  throttling.token_ratio = 0.5;
  RetryBudget budget(throttling);
  int request = -1;
  for (const Call& call : calls) {
    RetryState state(Policy());
    bool ok = false;
    for (int attempts = 1;; ++attempts) {
      ok = succeeding.count(++request) == 1;
      if (ok) budget.OnSuccess();
      if (ok ||
          !state.OnFailure(Failure(StatusCode::kUnavailable), attempts, budget, now_, deadline_, 0).retry) {
        break;
      }
    }
    EXPECT_EQ(ok, call.ok) << request;
    EXPECT_EQ(request, call.last_request);
  }
}

}  // namespace
}  // namespace dispatchctl::internal
