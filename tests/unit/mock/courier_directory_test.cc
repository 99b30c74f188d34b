#include "mock-server/domain/courier_directory.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace dispatchctl::mock {
namespace {

TEST(BuiltInFleet, IsCourier1To1000) {
  std::set<std::string> ids;
  for (const Courier& courier : BuiltInFleet()) {
    ids.insert(courier.courier_id);
    EXPECT_NE(courier.transport_mode, "");
    EXPECT_NE(courier.availability, "");
    EXPECT_NE(courier.current_zone, "");
  }
  EXPECT_EQ(ids.size(), 1000U);
  EXPECT_TRUE(ids.contains("courier-1"));
  EXPECT_TRUE(ids.contains("courier-1000"));
}

TEST(BuiltInFleet, Courier42IsAnAvailableBikeInZone7) {
  const InMemoryCourierDirectory directory(BuiltInFleet());
  const absl::StatusOr<Courier> courier = directory.Find("courier-42");
  ASSERT_TRUE(courier.ok()) << courier.status();
  EXPECT_EQ(*courier, (Courier{.courier_id = "courier-42",
                               .transport_mode = "bike",
                               .availability = "available",
                               .current_zone = "zone-7"}));
}

TEST(BuiltInFleet, NotAllAreAvailable) {
  int available = 0;
  for (const Courier& courier : BuiltInFleet()) available += courier.availability == "available" ? 1 : 0;
  EXPECT_EQ(available, 800);
}

TEST(InMemoryCourierDirectory, NamesTheUnknownCourier) {
  const absl::StatusOr<Courier> courier = InMemoryCourierDirectory({}).Find("c-9");
  EXPECT_EQ(courier.status(), absl::NotFoundError("courier c-9 not found"));
}

TEST(InMemoryCourierDirectory, KeepsTheFirstOfTwo) {
  const InMemoryCourierDirectory directory(
      {{.courier_id = "c", .transport_mode = "bike", .availability = "", .current_zone = ""},
       {.courier_id = "c", .transport_mode = "van", .availability = "", .current_zone = ""}});
  EXPECT_EQ(directory.Find("c")->transport_mode, "bike");
}

}  // namespace
}  // namespace dispatchctl::mock
