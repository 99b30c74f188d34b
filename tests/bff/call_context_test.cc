#include "mapping/call_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace bff {
namespace {

using std::chrono::nanoseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr TimeoutLimits kLimits{.standard = std::chrono::seconds(2), .longest = std::chrono::seconds(30)};
const std::string kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(GrpcTimeoutTest, ReadsEveryUnit) {
  EXPECT_EQ(*ParseGrpcTimeout("2H"), std::chrono::hours(2));
  EXPECT_EQ(*ParseGrpcTimeout("3M"), std::chrono::minutes(3));
  EXPECT_EQ(*ParseGrpcTimeout("4S"), std::chrono::seconds(4));
  EXPECT_EQ(*ParseGrpcTimeout("250m"), std::chrono::milliseconds(250));
  EXPECT_EQ(*ParseGrpcTimeout("5u"), std::chrono::microseconds(5));
  EXPECT_EQ(*ParseGrpcTimeout("99999999n"), nanoseconds(99999999));
}

TEST(GrpcTimeoutTest, TakesMoreTimeThanCanBeCountedForTheMost) {
  EXPECT_EQ(*ParseGrpcTimeout("99999999H"), nanoseconds::max());
}

TEST(GrpcTimeoutTest, RefusesAnythingElse) {
  for (const char* const text :
       {"", "m", "5", "5s", "-5S", "+5S", " 5S", "5 S", "5S ", "1.5S", "0m", "123456789m", "0x5S"}) {
    const auto timeout = ParseGrpcTimeout(text);
    EXPECT_EQ(timeout.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(timeout.status().message()), HasSubstr("Grpc-Timeout")) << text;
  }
}

TEST(TraceparentTest, IsTakenAsTheStandardHasIt) {
  EXPECT_TRUE(IsTraceparent(kTraceparent));
  EXPECT_TRUE(
      IsTraceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings"));
}

TEST(TraceparentTest, IsRefusedInAnyOtherForm) {
  for (const char* const text : {
           "",
           "00",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
           "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
       }) {
    EXPECT_FALSE(IsTraceparent(text)) << text;
  }
}

TEST(CallContextTest, TakesTheStandardTimeoutAndNoMetadataFromARequestThatSaysNothing) {
  const auto context = ReadCallContext({}, kLimits);
  ASSERT_TRUE(context.ok());
  EXPECT_EQ(context->timeout, kLimits.standard);
  EXPECT_THAT(context->metadata, IsEmpty());
}

TEST(CallContextTest, HoldsTheTimeoutWithinItsLimit) {
  EXPECT_EQ(ReadCallContext({.grpc_timeout = "250m"}, kLimits)->timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(ReadCallContext({.grpc_timeout = "10S"}, kLimits)->timeout, std::chrono::seconds(10));
  EXPECT_EQ(ReadCallContext({.grpc_timeout = "1H"}, kLimits)->timeout, kLimits.longest);
  EXPECT_EQ(
      ReadCallContext({}, {.standard = std::chrono::hours(1), .longest = std::chrono::seconds(1)})->timeout,
      std::chrono::seconds(1));
  EXPECT_EQ(ReadCallContext({}, {.standard = std::nullopt, .longest = std::chrono::seconds(1)})->timeout,
            std::nullopt);
  EXPECT_FALSE(ReadCallContext({.grpc_timeout = "soon"}, kLimits).ok());
}

TEST(CallContextTest, PassesTheTraceOn) {
  const auto context = ReadCallContext({.traceparent = kTraceparent, .tracestate = "a=1,b=2"}, kLimits);
  ASSERT_TRUE(context.ok());
  EXPECT_THAT(context->metadata,
              UnorderedElementsAre(Pair("traceparent", kTraceparent), Pair("tracestate", "a=1,b=2")));
}

TEST(CallContextTest, LeavesOutAStateWithoutItsTrace) {
  EXPECT_THAT(ReadCallContext({.tracestate = "a=1"}, kLimits)->metadata, IsEmpty());
  EXPECT_THAT(ReadCallContext({.traceparent = "broken", .tracestate = "a=1"}, kLimits)->metadata, IsEmpty());
}

TEST(CallContextTest, LeavesOutAStateThatNoMetadataCanCarry) {
  for (const std::string& state : {std::string("a=\x01"), std::string("a=\xc3\xa4"), std::string(513, 'a')}) {
    EXPECT_THAT(ReadCallContext({.traceparent = kTraceparent, .tracestate = state}, kLimits)->metadata,
                UnorderedElementsAre(Pair("traceparent", kTraceparent)));
  }
}

TEST(CallContextTest, LeavesOutATraceOfALaterVersionThatNoMetadataCanCarry) {
  const std::string future = "cc" + kTraceparent.substr(2) + "-\x01";
  ASSERT_TRUE(IsTraceparent(future));
  EXPECT_THAT(ReadCallContext({.traceparent = future}, kLimits)->metadata, IsEmpty());
}

}  // namespace
}  // namespace bff
