#include "endpoints/reconnect_schedule.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "transport/reconnect_backoff.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;

constexpr ReconnectSchedule::Time kScheduleStart{std::chrono::hours(1)};

TEST(ReconnectSchedule, HasAConnectionThatNeverWasMadeAtOnce) {
  ReconnectSchedule schedule;
  schedule.OnState(Connectivity::kIdle, kScheduleStart, 0.5);
  EXPECT_EQ(schedule.due(), std::nullopt);
}

TEST(ReconnectSchedule, HasALostConnectionMadeAfterARandomPartOfTheSpread) {
  for (const double random : {0.0, 0.25, 0.999}) {
    ReconnectSchedule schedule;
    schedule.OnState(Connectivity::kReady, kScheduleStart - std::chrono::minutes(1), random);
    schedule.OnState(Connectivity::kIdle, kScheduleStart, random);
    const auto due = kScheduleStart + std::chrono::round<milliseconds>(ReconnectSchedule::kSpread * random);
    if (due > kScheduleStart) {
      ASSERT_TRUE(schedule.due());
      EXPECT_LE(std::chrono::abs(*schedule.due() - due), milliseconds(1));
    }
    schedule.OnState(Connectivity::kIdle, due - milliseconds(2), random);
    EXPECT_EQ(schedule.due().has_value(), due > kScheduleStart) << "looked at too early";
    schedule.OnState(Connectivity::kIdle, due + milliseconds(1), random);
    EXPECT_EQ(schedule.due(), std::nullopt);
  }
}

TEST(ReconnectSchedule, LeavesItToGrpcWhenAnAttemptThatFailedIsFollowedByAnother) {
  ReconnectSchedule schedule;
  schedule.OnState(Connectivity::kTransientFailure, kScheduleStart, 0.5);
  schedule.OnState(Connectivity::kIdle, kScheduleStart, 0.5);
  EXPECT_EQ(schedule.due(), std::nullopt);
}

class ReconnectScheduleTest : public testing::Test {
 protected:
  // A connection that is lost after `lasted`. How long the next one has to wait, at most.
  std::chrono::nanoseconds Lose(std::chrono::nanoseconds lasted) {
    schedule_.OnState(Connectivity::kReady, now_, 1);
    now_ += lasted;
    schedule_.OnState(Connectivity::kIdle, now_, 1);
    const std::chrono::nanoseconds wait = schedule_.due().value_or(now_) - now_;
    now_ += wait;
    schedule_.OnState(Connectivity::kConnecting, now_, 1);
    return wait;
  }

  ReconnectSchedule schedule_;
  ReconnectSchedule::Time now_ = kScheduleStart;
};

TEST_F(ReconnectScheduleTest, WaitsLongerForEachConnectionThatDidNotLast) {
  for (const int expected : {200, 400, 800, 1600, 3000, 3000}) {
    EXPECT_EQ(Lose(milliseconds(1)), milliseconds(expected));
  }
}

TEST_F(ReconnectScheduleTest, StartsOverAfterAConnectionThatLastedTwiceAsLongAsTheWait) {
  EXPECT_EQ(Lose(milliseconds(399)), milliseconds(200));
  EXPECT_EQ(Lose(milliseconds(799)), milliseconds(400));
  EXPECT_EQ(Lose(milliseconds(1600)), milliseconds(200));
  EXPECT_EQ(Lose(milliseconds(400)), milliseconds(200));
}

TEST_F(ReconnectScheduleTest, CountsAConnectionThatNobodySawAsOneThatDidNotLast) {
  schedule_.OnState(Connectivity::kConnecting, now_, 1);
  schedule_.OnState(Connectivity::kIdle, now_, 1);
  EXPECT_EQ(schedule_.due(), now_ + milliseconds(200));
  now_ += milliseconds(200);
  schedule_.OnState(Connectivity::kConnecting, now_, 1);
  EXPECT_EQ(Lose(milliseconds(799)), milliseconds(400));
}

TEST_F(ReconnectScheduleTest, LetsACallHaveItSoonerUnlessOneAfterTheOtherDidNotLast) {
  EXPECT_TRUE(schedule_.may_hurry());
  schedule_.OnState(Connectivity::kReady, now_, 1);
  schedule_.OnState(Connectivity::kIdle, now_, 1);
  EXPECT_TRUE(schedule_.due());
  EXPECT_TRUE(schedule_.may_hurry()) << "once is not time and again";
  schedule_.OnState(Connectivity::kConnecting, now_, 1);
  schedule_.OnState(Connectivity::kReady, now_, 1);
  schedule_.OnState(Connectivity::kIdle, now_, 1);
  EXPECT_FALSE(schedule_.may_hurry());
  now_ = *schedule_.due();
  schedule_.OnState(Connectivity::kIdle, now_, 1);
  EXPECT_TRUE(schedule_.may_hurry());
}

TEST(ReconnectSchedule, ForgetsTheTimeOnceSomebodyElseHasHadTheConnectionMade) {
  ReconnectSchedule schedule;
  schedule.OnState(Connectivity::kReady, kScheduleStart, 0.5);
  schedule.OnState(Connectivity::kIdle, kScheduleStart, 0.5);
  EXPECT_TRUE(schedule.due());
  schedule.OnState(Connectivity::kConnecting, kScheduleStart, 0.5);
  EXPECT_EQ(schedule.due(), std::nullopt);
  schedule.OnState(Connectivity::kTransientFailure, kScheduleStart, 0.5);
  schedule.OnState(Connectivity::kIdle, kScheduleStart, 0.5);
  EXPECT_EQ(schedule.due(), std::nullopt) << "that attempt has failed";
}

TEST(InitialReconnectBackoff, IsTwoTenthsOfASecondOnAverageAndNothingGrpcWouldRaise) {
  EXPECT_EQ(InitialReconnectBackoff(0), milliseconds(100));
  EXPECT_EQ(InitialReconnectBackoff(0.5), milliseconds(200));
  EXPECT_EQ(InitialReconnectBackoff(1), milliseconds(300));
}

}  // namespace
}  // namespace dispatchctl::internal
