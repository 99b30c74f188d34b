#include "commands/watched_statuses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace dispatchctl::cli {
namespace {

using testing::HasSubstr;

CourierStatus Status(const char* availability) {
  return {.courier_id = "c", .transport_mode = "bike", .availability = availability, .current_zone = "z"};
}

TEST(WatchedStatuses, TellsWhatIsNews) {
  WatchedStatuses watched({}, 2);
  EXPECT_TRUE(watched.Update(0, Status("available")));
  EXPECT_FALSE(watched.Update(0, Status("available")));
  EXPECT_TRUE(watched.Update(1, Status("available")));
  EXPECT_TRUE(watched.Update(0, Status("busy")));
  EXPECT_TRUE(watched.Update(0, absl::NotFoundError("gone")));
  EXPECT_FALSE(watched.Update(0, absl::NotFoundError("gone, said otherwise")));
  EXPECT_TRUE(watched.Update(0, absl::UnavailableError("gone")));
  EXPECT_TRUE(watched.Update(0, Status("busy")));
}

TEST(WatchedStatuses, WithoutAConditionIsNeverMet) {
  WatchedStatuses watched({}, 1);
  watched.Update(0, Status("available"));
  EXPECT_FALSE(watched.IsMet());
}

TEST(WatchedStatuses, IsMetWhenEveryCourierMeetsEveryCondition) {
  WatchedStatuses watched({{"availability", "available", true}, {"current_zone", "elsewhere", false}}, 2);
  watched.Update(0, Status("available"));
  EXPECT_FALSE(watched.IsMet());
  EXPECT_THAT(watched.WhatIsMissing(), HasSubstr("not every courier"));
  watched.Update(1, Status("busy"));
  EXPECT_FALSE(watched.IsMet());
  EXPECT_EQ(watched.WhatIsMissing(), "c: availability is 'busy', not 'available'");
  watched.Update(1, Status("available"));
  EXPECT_TRUE(watched.IsMet());
  EXPECT_EQ(watched.WhatIsMissing(), "");
}

TEST(WatchedStatuses, TellsAValueThatIsNotToBe) {
  WatchedStatuses watched({{"availability", "busy", false}}, 1);
  watched.Update(0, Status("busy"));
  EXPECT_FALSE(watched.IsMet());
  EXPECT_EQ(watched.WhatIsMissing(), "c: availability is still 'busy'");
}

TEST(WatchedStatuses, IsNotMetByACourierThatCannotBeLookedUp) {
  WatchedStatuses watched({{"availability", "busy", false}}, 1);
  watched.Update(0, absl::NotFoundError("courier c not found"));
  EXPECT_FALSE(watched.IsMet());
  EXPECT_EQ(watched.WhatIsMissing(), "courier c not found (NOT_FOUND)");
}

}  // namespace
}  // namespace dispatchctl::cli
