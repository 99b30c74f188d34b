#include "transport/lookup_messages.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "contract/courier_status_wire.h"
#include "dispatchpb/dispatch.pb.h"

namespace dispatchctl::internal {
namespace {

std::string Encoded(const CourierStatus& status) {
  dispatchpb::CourierStatusReply message;
  message.set_courier_id(status.courier_id);
  message.set_transport_mode(status.transport_mode);
  message.set_availability(status.availability);
  message.set_current_zone(status.current_zone);
  return message.SerializeAsString();
}

grpc::ByteBuffer BufferOf(const std::vector<std::string>& pieces) {
  std::vector<grpc::Slice> slices(pieces.begin(), pieces.end());
  return {slices.data(), slices.size()};
}

// What the reply becomes; nothing when it cannot be parsed.
std::optional<CourierStatus> Decoded(const std::vector<std::string>& pieces) {
  LookupReply reply;
  // An earlier call's, as replies serve again.
  reply.status = {"left", "over", "from", "before"};
  grpc::ByteBuffer buffer = BufferOf(pieces);
  if (!grpc::SerializationTraits<LookupReply>::Deserialize(&buffer, &reply).ok()) return std::nullopt;
  return reply.status;
}

std::optional<CourierStatus> DecodedByProtobuf(const std::string& bytes) {
  dispatchpb::CourierStatusReply message;
  if (!message.ParseFromString(bytes)) return std::nullopt;
  return CourierStatus{message.courier_id(), message.transport_mode(), message.availability(),
                       message.current_zone()};
}

const CourierStatus kStatus{"courier-42", "bike", "available", "zone-7"};

TEST(LookupRequest, IsWhatTheContractSays) {
  for (const std::string& id : {std::string("c"), std::string("k\xC3\xB6ln-1"), std::string(127, 'x'),
                                std::string(128, 'x'), std::string(70'000, 'x')}) {
    grpc::ByteBuffer buffer;
    bool own = false;
    ASSERT_TRUE(grpc::SerializationTraits<LookupRequest>::Serialize({id}, &buffer, &own).ok());
    EXPECT_TRUE(own);
    grpc::Slice slice;
    ASSERT_TRUE(buffer.TrySingleSlice(&slice).ok());
    dispatchpb::CourierLookupRequest message;
    message.set_courier_id(id);
    EXPECT_EQ(std::string(slice.begin(), slice.end()), message.SerializeAsString());
  }
}

TEST(LookupReply, IsReadWithoutProtobufWhereItIsPlain) {
  CourierStatus status{"left", "over", "from", "before"};
  EXPECT_TRUE(ReadPlainCourierStatus(Encoded(kStatus), status));
  EXPECT_EQ(status, kStatus);
  EXPECT_TRUE(ReadPlainCourierStatus("", status));
  EXPECT_EQ(status, CourierStatus());
  const CourierStatus longest{std::string(127, 'a'), "", "", ""};
  EXPECT_TRUE(ReadPlainCourierStatus(Encoded(longest), status));
  EXPECT_EQ(status, longest);
}

TEST(LookupReply, IsLeftToProtobufOtherwise) {
  CourierStatus status;
  EXPECT_FALSE(ReadPlainCourierStatus(Encoded({std::string(128, 'a'), "", "", ""}), status));
  EXPECT_FALSE(ReadPlainCourierStatus(Encoded({"k\xC3\xB6ln", "", "", ""}), status));
  EXPECT_FALSE(
      ReadPlainCourierStatus("\x0A\x04"
                             "abc",
                             status))
      << "cut short";
  EXPECT_FALSE(ReadPlainCourierStatus("\x0A", status)) << "cut shorter";
  EXPECT_FALSE(
      ReadPlainCourierStatus("\x22\x02"
                             "eu",
                             status))
      << "a field that is reserved";
  EXPECT_FALSE(ReadPlainCourierStatus("\x08\x01", status)) << "a number";
}

TEST(LookupReply, IsTheSameHoweverItArrives) {
  const CourierStatus statuses[] = {kStatus,
                                    {},
                                    {"k\xC3\xB6ln-1", "bike", "", ""},
                                    {std::string(128, 'a'), std::string(5000, 'b'), "busy", "zone-1"}};
  for (const CourierStatus& status : statuses) {
    const std::string bytes = Encoded(status);
    EXPECT_EQ(Decoded({bytes}), status);
    if (bytes.empty()) continue;
    EXPECT_EQ(Decoded({bytes.substr(0, bytes.size() / 2), bytes.substr(bytes.size() / 2)}), status);
  }
}

TEST(LookupReply, IsReadAsProtobufReadsItWhateverItsBytes) {
  const google::protobuf::LogSilencer silence;  // of all that is not UTF-8
  std::mt19937 random(20261122);
  const auto below = [&](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
  };
  const std::string original = Encoded(kStatus) + Encoded({"courier-1", "", "busy", ""});
  std::size_t plain = 0;
  std::size_t unparsable = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes = original.substr(0, below(original.size() + 1));
    for (std::size_t changes = below(4); changes > 0 && !bytes.empty(); --changes) {
      // Mostly what the format is made of.
      constexpr std::string_view kTelling("\x0A\x12\x1A\x22\x2A\x00\x01\x05\x08\x0B\x0C\x7F\x80\xC3\xFF", 15);
      bytes[below(bytes.size())] = kTelling[below(kTelling.size())];
    }
    const std::optional<CourierStatus> expected = DecodedByProtobuf(bytes);
    ASSERT_EQ(Decoded({bytes}), expected) << ::testing::PrintToString(bytes);
    CourierStatus status;
    plain += ReadPlainCourierStatus(bytes, status) ? 1U : 0U;
    unparsable += expected.has_value() ? 0U : 1U;
  }
  // Each kind has been seen.
  EXPECT_GT(plain, 1000U);
  EXPECT_GT(unparsable, 1000U);
}

}  // namespace
}  // namespace dispatchctl::internal
