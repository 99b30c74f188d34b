#include "mock-server/domain/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace dispatchctl::mock {
namespace {

using testing::Return;
using testing::StrictMock;

class MockDirectory : public CourierDirectory {
 public:
  MOCK_METHOD(absl::StatusOr<Courier>, Find, (std::string_view courier_id), (const, override));
};

class DispatcherTest : public testing::Test {
 protected:
  Dispatcher MakeDispatcher(AcceptanceRule rule = {}) { return {directory_, rule, 7, nullptr}; }

  std::shared_ptr<StrictMock<MockDirectory>> directory_ = std::make_shared<StrictMock<MockDirectory>>();
  const Courier courier_{
      .courier_id = "c-1", .transport_mode = "bike", .availability = "available", .current_zone = "zone-1"};
};

TEST_F(DispatcherTest, LooksUpInTheDirectory) {
  EXPECT_CALL(*directory_, Find("c-1")).WillOnce(Return(courier_));
  EXPECT_EQ(MakeDispatcher().Lookup("c-1").value(), courier_);
}

TEST_F(DispatcherTest, RefusesAnEmptyIdWithoutAsking) {
  EXPECT_EQ(MakeDispatcher().Lookup("").status(), absl::InvalidArgumentError("courier_id is empty"));
}

TEST_F(DispatcherTest, PassesTheDirectorysStatusOn) {
  const absl::Status down = absl::UnavailableError("down for repairs");
  EXPECT_CALL(*directory_, Find).Times(2).WillRepeatedly(Return(down));
  Dispatcher dispatcher = MakeDispatcher();
  EXPECT_EQ(dispatcher.Lookup("c-1").status(), down);
  EXPECT_EQ(
      dispatcher.Review({.assignment_id = "a", .courier_id = "c-1", .destination_zone = ""}, "").status(),
      down);
}

TEST_F(DispatcherTest, NamesTheEmptyFieldOfAnUpdate) {
  Dispatcher dispatcher = MakeDispatcher();
  EXPECT_EQ(
      dispatcher.Review({.assignment_id = "", .courier_id = "c-1", .destination_zone = "z"}, "").status(),
      absl::InvalidArgumentError("assignment_id is empty"));
  EXPECT_EQ(
      dispatcher.Review({.assignment_id = "a-1", .courier_id = "", .destination_zone = "z"}, "").status(),
      absl::InvalidArgumentError("courier_id is empty"));
}

TEST_F(DispatcherTest, RejectsForAnUnknownCourier) {
  EXPECT_CALL(*directory_, Find("c-9")).WillOnce(Return(CourierNotFound("c-9")));
  Dispatcher dispatcher = MakeDispatcher();
  EXPECT_FALSE(
      dispatcher.Review({.assignment_id = "a-1", .courier_id = "c-9", .destination_zone = ""}, "")->accepted);
}

TEST_F(DispatcherTest, AlwaysAcceptsForAnUnknownCourier) {
  EXPECT_CALL(*directory_, Find("c-9")).WillOnce(Return(CourierNotFound("c-9")));
  Dispatcher dispatcher = MakeDispatcher(AcceptanceRule::Always());
  EXPECT_TRUE(
      dispatcher.Review({.assignment_id = "a-1", .courier_id = "c-9", .destination_zone = ""}, "")->accepted);
}

// A re-sent update gets its answer even when things have changed meanwhile.
TEST_F(DispatcherTest, ReplaysADecisionWithoutTheDirectory) {
  EXPECT_CALL(*directory_, Find("c-1")).WillOnce(Return(courier_));
  Dispatcher dispatcher = MakeDispatcher();
  const AssignmentUpdate update{.assignment_id = "a-1", .courier_id = "c-1", .destination_zone = "z"};
  const Decision first = dispatcher.Review(update, "one").value();
  const Decision second = dispatcher.Review(update, "other").value();
  EXPECT_TRUE(first.accepted);
  EXPECT_FALSE(first.replay);
  EXPECT_TRUE(second.accepted);
  EXPECT_TRUE(second.replay);
}

}  // namespace
}  // namespace dispatchctl::mock
