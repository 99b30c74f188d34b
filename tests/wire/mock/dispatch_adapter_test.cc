#include "mock-server/adapter/dispatch_adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "mock-server/domain/courier_directory.h"
#include "mock-server/domain/dispatcher.h"

namespace dispatchctl::mock {
namespace {

using testing::_;

class FakeDirectory final : public CourierDirectory {
 public:
  absl::StatusOr<Courier> Find(std::string_view courier_id) const override {
    if (courier_id == "broken") return absl::UnavailableError("down for repairs");
    if (courier_id != "c-1") return CourierNotFound(courier_id);
    return Courier{
        .courier_id = "c-1", .transport_mode = "mode", .availability = "available", .current_zone = "zone"};
  }
};

class MockJournal : public AssignmentJournal {
 public:
  MOCK_METHOD(absl::Status, Append, (const JournalEntry& entry), (override));
  MOCK_METHOD(absl::Status, Commit, (), (override));
};

class DispatchAdapterTest : public testing::Test {
 protected:
  testing::NiceMock<MockJournal> journal_;
  Dispatcher dispatcher_{std::make_shared<FakeDirectory>(), AcceptanceRule::Available(), 1, &journal_};
  DispatchAdapter adapter_{"127.0.0.1:1"};
};

TEST_F(DispatchAdapterTest, FillsInEveryFieldOfTheReply) {
  dispatchpb::CourierLookupRequest request;
  request.set_courier_id("c-1");
  dispatchpb::CourierStatusReply reply;
  ASSERT_TRUE(adapter_.GetCourierStatus(dispatcher_, request, reply).ok());
  EXPECT_EQ(reply.courier_id(), "c-1");
  EXPECT_EQ(reply.transport_mode(), "mode");
  EXPECT_EQ(reply.availability(), "available");
  EXPECT_EQ(reply.current_zone(), "zone");
}

TEST_F(DispatchAdapterTest, PassesTheDomainsStatusOn) {
  dispatchpb::CourierLookupRequest request;
  request.set_courier_id("broken");
  dispatchpb::CourierStatusReply reply;
  EXPECT_EQ(adapter_.GetCourierStatus(dispatcher_, request, reply),
            absl::UnavailableError("down for repairs"));
}

TEST_F(DispatchAdapterTest, GivesTheDomainEveryFieldOfTheUpdate) {
  dispatchpb::AssignmentUpdate update;
  update.set_assignment_id("a-1");
  update.set_courier_id("c-1");
  update.set_destination_zone("z-9");
  EXPECT_CALL(journal_, Append(_)).WillOnce([](const JournalEntry& entry) {
    EXPECT_EQ(entry.listen, "127.0.0.1:1");
    EXPECT_EQ(entry.update.assignment_id, "a-1");
    EXPECT_EQ(entry.update.courier_id, "c-1");
    EXPECT_EQ(entry.update.destination_zone, "z-9");
    return absl::OkStatus();
  });
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(adapter_.Review(dispatcher_, update, result).ok());
  EXPECT_EQ(result.assignment_id(), "a-1");
  EXPECT_TRUE(result.accepted());
}

TEST_F(DispatchAdapterTest, OverwritesAResultThatIsUsedAgain) {
  dispatchpb::AssignmentResult result;
  result.set_assignment_id("old");
  result.set_accepted(true);
  dispatchpb::AssignmentUpdate update;
  update.set_assignment_id("a-1");
  update.set_courier_id("c-9");
  ASSERT_TRUE(adapter_.Review(dispatcher_, update, result).ok());
  EXPECT_EQ(result.assignment_id(), "a-1");
  EXPECT_FALSE(result.accepted());
}

TEST(ToGrpcStatus, KeepsCodeAndMessage) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "because"));
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(status.error_message(), "because");
  }
}

}  // namespace
}  // namespace dispatchctl::mock
