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

TEST(CallContextTest, TakesTheStandardTimeoutAndNoTraceFromARequestThatSaysNothing) {
  const auto context = ReadCallContext({}, kLimits);
  ASSERT_TRUE(context.ok());
  EXPECT_EQ(context->timeout, kLimits.standard);
  EXPECT_THAT(context->trace.traceparent, IsEmpty());
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
  EXPECT_EQ(context->trace.traceparent, kTraceparent);
  EXPECT_EQ(context->trace.tracestate, "a=1,b=2");
}

TEST(CallContextTest, LeavesOutAStateWithoutItsTrace) {
  for (const char* traceparent : {"", "broken"}) {
    const auto context = ReadCallContext({.traceparent = traceparent, .tracestate = "a=1"}, kLimits);
    ASSERT_TRUE(context.ok());
    EXPECT_THAT(context->trace.traceparent, IsEmpty());
    EXPECT_THAT(context->trace.tracestate, IsEmpty());
  }
}

TEST(CallContextTest, LeavesOutAStateThatIsNone) {
  for (const std::string& state :
       {std::string("a=\x01"), std::string("a=\xc3\xa4"), std::string("no equals sign"),
        "a=" + std::string(250, 'x') + ",b=" + std::string(250, 'y') + ",c=12345"}) {
    const auto context = ReadCallContext({.traceparent = kTraceparent, .tracestate = state}, kLimits);
    ASSERT_TRUE(context.ok());
    EXPECT_EQ(context->trace.traceparent, kTraceparent);
    EXPECT_THAT(context->trace.tracestate, IsEmpty());
  }
}

TEST(CallContextTest, LeavesOutATraceOfALaterVersionThatNoMetadataCanCarry) {
  const std::string future = "cc" + kTraceparent.substr(2);
  EXPECT_EQ(ReadCallContext({.traceparent = future + "-more"}, kLimits)->trace.traceparent, future + "-more");
  EXPECT_THAT(ReadCallContext({.traceparent = future + "-\x01"}, kLimits)->trace.traceparent, IsEmpty());
}

}  // namespace
}  // namespace bff
