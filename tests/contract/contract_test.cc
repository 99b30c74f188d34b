// Pins what other programs, in other languages, rely on: names, numbers and bytes.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "dispatchctl/assignment.h"
#include "dispatchctl/courier_status.h"
#include "dispatchpb/dispatch.pb.h"

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FileDescriptor;

const FileDescriptor& Contract() {
  return *dispatchpb::CourierStatusReply::descriptor()->file();
}

TEST(Contract, GivesEachMethodItsFullNameAndKind) {
  const auto* service = Contract().FindServiceByName("DispatchGateway");
  ASSERT_NE(service, nullptr);
  EXPECT_EQ(service->full_name(), "dispatchpb.DispatchGateway");
  ASSERT_EQ(service->method_count(), 2);

  const auto* lookup = service->FindMethodByName("GetCourierStatus");
  ASSERT_NE(lookup, nullptr);
  EXPECT_EQ(lookup->input_type()->full_name(), "dispatchpb.CourierLookupRequest");
  EXPECT_EQ(lookup->output_type()->full_name(), "dispatchpb.CourierStatusReply");
  EXPECT_FALSE(lookup->client_streaming());
  EXPECT_FALSE(lookup->server_streaming());

  const auto* stream = service->FindMethodByName("StreamAssignments");
  ASSERT_NE(stream, nullptr);
  EXPECT_EQ(stream->input_type()->full_name(), "dispatchpb.AssignmentUpdate");
  EXPECT_EQ(stream->output_type()->full_name(), "dispatchpb.AssignmentResult");
  EXPECT_TRUE(stream->client_streaming());
  EXPECT_TRUE(stream->server_streaming());
}

TEST(Contract, NamesTheGoPackageThatTheServiceImports) {
  EXPECT_EQ(Contract().options().go_package(),
            "github.com/acme/logistics/internal/grpc/dispatchpb;dispatchpb");
}

TEST(Contract, KeepsTheRemovedFieldReserved) {
  const Descriptor& reply = *dispatchpb::CourierStatusReply::descriptor();
  EXPECT_TRUE(reply.IsReservedNumber(4));
  EXPECT_TRUE(reply.IsReservedName("legacy_region"));
}

TEST(WireBytes, OfALookupRequest) {
  dispatchpb::CourierLookupRequest message;
  message.set_courier_id("c-1");
  EXPECT_EQ(message.SerializeAsString(),
            "\x0a\x03"
            "c-1");
}

TEST(WireBytes, OfAStatusReply) {
  dispatchpb::CourierStatusReply message;
  message.set_courier_id("c-1");
  message.set_transport_mode("bike");
  message.set_availability("busy");
  message.set_current_zone("z-7");
  EXPECT_EQ(message.SerializeAsString(),
            "\x0a\x03"
            "c-1"
            "\x12\x04"
            "bike"
            "\x1a\x04"
            "busy"
            "\x2a\x03"
            "z-7");
}

TEST(WireBytes, OfAnAssignmentUpdate) {
  dispatchpb::AssignmentUpdate message;
  message.set_assignment_id("a-1");
  message.set_courier_id("c-1");
  message.set_destination_zone("z-7");
  EXPECT_EQ(message.SerializeAsString(),
            "\x0a\x03"
            "a-1"
            "\x12\x03"
            "c-1"
            "\x1a\x03"
            "z-7");
}

TEST(WireBytes, OfAnAssignmentResult) {
  dispatchpb::AssignmentResult message;
  message.set_assignment_id("a-1");
  message.set_accepted(true);
  EXPECT_EQ(message.SerializeAsString(),
            "\x0a\x03"
            "a-1"
            "\x10\x01");
}

TEST(WireBytes, OfAServerThatPredatesTheZoneReadAsAnEmptyOne) {
  dispatchpb::CourierStatusReply message;
  ASSERT_TRUE(
      message.ParseFromString("\x0a\x03"
                              "c-1"));
  EXPECT_EQ(message.current_zone(), "");
}

std::vector<std::string> FieldNames(const Descriptor& message) {
  std::vector<std::string> names;
  for (int i = 0; i < message.field_count(); ++i) names.push_back(message.field(i)->name());
  return names;
}

template <class Value>
std::vector<std::string> VisitedNames() {
  std::vector<std::string> names;
  Value value;
  dispatchctl::VisitFields(value, [&](std::string_view name, auto&) { names.emplace_back(name); });
  return names;
}

// A field added to the contract must reach the library's users and the command line.
TEST(Contract, HasNoFieldThatTheLibrarysValuesLack) {
  EXPECT_EQ(VisitedNames<dispatchctl::CourierStatus>(),
            FieldNames(*dispatchpb::CourierStatusReply::descriptor()));
  EXPECT_EQ(VisitedNames<dispatchctl::AssignmentUpdate>(),
            FieldNames(*dispatchpb::AssignmentUpdate::descriptor()));
  EXPECT_EQ(VisitedNames<dispatchctl::AssignmentResult>(),
            FieldNames(*dispatchpb::AssignmentResult::descriptor()));
}

}  // namespace
