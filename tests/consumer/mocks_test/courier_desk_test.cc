#include "courier_desk.h"

#include <dispatchctl/mocks.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

using dispatchctl::AssignmentOutcome;
using dispatchctl::AssignmentUpdate;
using dispatchctl::Client;
using dispatchctl::CourierStatus;
using dispatchctl::MockAssignmentStream;
using dispatchctl::MockBulkLookup;
using dispatchctl::MockConnection;
using testing::_;
using testing::ByMove;
using testing::ElementsAre;
using testing::InSequence;
using testing::Return;

AssignmentOutcome Decided(std::string assignment_id, bool accepted) {
  AssignmentOutcome outcome;
  outcome.result = {std::move(assignment_id), accepted};
  return outcome;
}

TEST(CourierDesk, DescribesTheCourier) {
  auto connection = std::make_shared<MockConnection>();
  EXPECT_CALL(*connection, GetCourierStatus("courier-42", _, _))
      .WillOnce(Return(CourierStatus{"courier-42", "bike", "available", "zone-7"}));
  EXPECT_EQ(CourierDesk(Client(connection)).Describe("courier-42"), "bike in zone-7");
}

TEST(CourierDesk, TellsAnUnknownCourierFromAServiceThatIsDown) {
  auto connection = std::make_shared<MockConnection>();
  EXPECT_CALL(*connection, GetCourierStatus(_, _, _))
      .WillOnce(Return(absl::NotFoundError("no such courier")))
      .WillOnce(Return(absl::UnavailableError("connection refused")));
  const CourierDesk desk{Client(connection)};
  EXPECT_EQ(desk.Describe("nobody"), "unknown courier");
  EXPECT_EQ(desk.Describe("nobody"), "not known at the moment");
}

TEST(CourierDesk, ReturnsWhatWasAccepted) {
  auto stream = std::make_unique<MockAssignmentStream>();
  {
    InSequence in_order;
    EXPECT_CALL(*stream, Submit(AssignmentUpdate{"a-1", "courier-1", "zone-1"}, _));
    EXPECT_CALL(*stream, Submit(AssignmentUpdate{"a-2", "courier-2", "zone-2"}, _));
    EXPECT_CALL(*stream, CloseSubmissions());
    EXPECT_CALL(*stream, Next())
        .WillOnce(Return(ByMove(Decided("a-2", true))))
        .WillOnce(Return(ByMove(Decided("a-1", false))))
        .WillOnce(Return(ByMove(std::nullopt)));
    EXPECT_CALL(*stream, Finish()).WillOnce(Return(absl::OkStatus()));
  }
  auto connection = std::make_shared<MockConnection>();
  EXPECT_CALL(*connection, StreamAssignments(_)).WillOnce(Return(ByMove(std::move(stream))));
  const auto accepted =
      CourierDesk(Client(connection)).Offer({{"a-1", "courier-1", "zone-1"}, {"a-2", "courier-2", "zone-2"}});
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_THAT(*accepted, ElementsAre("a-2"));
}

TEST(CourierDesk, PassesOnHowAStreamEnded) {
  auto stream = std::make_unique<testing::NiceMock<MockAssignmentStream>>();
  ON_CALL(*stream, Finish()).WillByDefault(Return(absl::UnavailableError("lost")));
  auto connection = std::make_shared<MockConnection>();
  EXPECT_CALL(*connection, StreamAssignments(_)).WillOnce(Return(ByMove(std::move(stream))));
  EXPECT_TRUE(absl::IsUnavailable(CourierDesk(Client(connection)).Offer({}).status()));
}

// The library's own loop over a double: each id goes in, on_finished is the test's to call.
TEST(MockConnection, StandsInForALookupOfMany) {
  auto connection = std::make_shared<MockConnection>();
  EXPECT_CALL(*connection, StartBulkLookup(_)).WillOnce([](dispatchctl::BulkLookupOptions options) {
    auto bulk = std::make_unique<testing::NiceMock<MockBulkLookup>>();
    EXPECT_CALL(*bulk, Submit(_, _)).WillOnce([options](std::string_view courier_id, std::uint64_t tag) {
      options.on_result({std::string(courier_id), tag, absl::NotFoundError("no such courier"), {}});
      return absl::OkStatus();
    });
    EXPECT_CALL(*bulk, Finish());
    return absl::StatusOr<std::unique_ptr<dispatchctl::BulkLookup>>(std::move(bulk));
  });
  int asked = 0;
  int missing = 0;
  const absl::Status status =
      Client(connection)
          .LookupMany(
              [&]() -> std::optional<std::string> {
                return asked++ == 0 ? std::optional<std::string>("nobody") : std::nullopt;
              },
              [&](dispatchctl::LookupItem&& item) {
                missing += absl::IsNotFound(item.status.status()) ? 1 : 0;
              });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(missing, 1);
}

TEST(MockConnection, FailsWhatNobodyExpected) {
  const auto connection = std::make_shared<testing::NiceMock<MockConnection>>();
  EXPECT_EQ(Client(connection).GetCourierStatus("courier-42").status().code(), absl::StatusCode::kUnknown);
}

}  // namespace
