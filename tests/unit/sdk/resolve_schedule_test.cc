#include "endpoints/resolve_schedule.h"

#include <gtest/gtest.h>

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const ResolveSchedule::Time kStart{std::chrono::hours(1)};

TEST(ResolveSchedule, BeginsAtOnceAndGoesOnAtItsInterval) {
  ResolveSchedule schedule(seconds(10));
  EXPECT_LE(schedule.next(), kStart);
  schedule.OnResolved(true, kStart);
  EXPECT_EQ(schedule.next(), kStart + seconds(10));
}

TEST(ResolveSchedule, IsBroughtForwardButNotBelowASecond) {
  ResolveSchedule schedule(seconds(10));
  schedule.OnResolved(true, kStart);
  schedule.OnRequest();
  schedule.OnRequest();
  EXPECT_EQ(schedule.next(), kStart + seconds(1));
}

TEST(ResolveSchedule, IsNeverPutOffByARequest) {
  ResolveSchedule schedule(milliseconds(500));
  schedule.OnResolved(true, kStart);
  schedule.OnRequest();
  EXPECT_EQ(schedule.next(), kStart + milliseconds(500));
}

TEST(ResolveSchedule, BacksOffWhileResolvingFails) {
  ResolveSchedule schedule(seconds(10));
  for (const int delay : {1, 2, 4, 8, 10, 10}) {
    schedule.OnResolved(false, kStart);
    EXPECT_EQ(schedule.next(), kStart + seconds(delay));
  }
  schedule.OnResolved(true, kStart);
  schedule.OnResolved(false, kStart);
  EXPECT_EQ(schedule.next(), kStart + seconds(1)) << "a success starts it anew";
}

}  // namespace
}  // namespace dispatchctl::internal
