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
    schedule.OnState(Connectivity::kReady, kScheduleStart, random);
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

TEST(ReconnectSchedule, ForgetsTheTimeOnceSomebodyElseHasHadTheConnectionMade) {
  ReconnectSchedule schedule;
  schedule.OnState(Connectivity::kReady, kScheduleStart, 0.5);
  schedule.OnState(Connectivity::kIdle, kScheduleStart, 0.5);
  EXPECT_TRUE(schedule.due());
  schedule.OnState(Connectivity::kConnecting, kScheduleStart, 0.5);
  EXPECT_EQ(schedule.due(), std::nullopt);
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
