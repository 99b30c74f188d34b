#include "dispatchctl/trace_context.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dispatchctl {
namespace {

using testing::HasSubstr;

const std::string kParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string ErrorOf(const TraceContext& context) {
  const absl::Status status = ValidateTraceContext(context);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
      << context.traceparent << " " << context.tracestate;
  return std::string(status.message());
}

TEST(TraceContextTest, TakesNoneAtAll) {
  EXPECT_EQ(ValidateTraceContext({}), absl::OkStatus());
}

TEST(TraceContextTest, TakesWhatTheRecommendationShows) {
  EXPECT_EQ(ValidateTraceContext({kParent}), absl::OkStatus());
  EXPECT_EQ(ValidateTraceContext({kParent, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}), absl::OkStatus());
  EXPECT_EQ(ValidateTraceContext({kParent, "0tenant_-*/@system=a b , ,other=!"}), absl::OkStatus());
}

TEST(TraceContextTest, TakesALaterVersionThatSaysMore) {
  EXPECT_EQ(ValidateTraceContext({"cc" + kParent.substr(2)}), absl::OkStatus());
  EXPECT_EQ(ValidateTraceContext({"cc" + kParent.substr(2) + "-what-the-future-will-be-like"}),
            absl::OkStatus());
  EXPECT_THAT(ErrorOf({"cc" + kParent.substr(2) + ".what"}), HasSubstr("traceparent"));
  // No metadata can carry these.
  for (const char* end : {"-\x01", "-\x7F", "-k\xC3\xB6ln", "-a\r\nb: c"}) {
    EXPECT_THAT(ErrorOf({"cc" + kParent.substr(2) + end}), HasSubstr("traceparent"));
  }
}

TEST(TraceContextTest, RefusesATraceparentThatIsNone) {
  for (const std::string& bad :
       {std::string("x"), kParent + "-00", kParent.substr(0, 54), "ff" + kParent.substr(2),
        "0x" + kParent.substr(2), std::string("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"),
        std::string("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        std::string("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
        std::string("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01"),
        std::string("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g")}) {
    EXPECT_THAT(ErrorOf({bad}), HasSubstr("traceparent is not version-traceid-parentid-flags"));
  }
}

TEST(TraceContextTest, RefusesATracestateThatIsNone) {
  EXPECT_THAT(ErrorOf({"", "a=1"}), HasSubstr("without traceparent"));
  for (const std::string& bad :
       {std::string("a"), std::string("=1"), std::string("a="), std::string("A=1"), std::string("1a=1"),
        std::string("a@1b=1"), std::string("a@b@c=1"), std::string("a=1=2"), std::string("a=\t1"),
        std::string("a=1\t,b=2"), std::string("a=\xC3\xA9"), std::string("a=1\r\nx: y"),
        absl::StrCat("a=", std::string(257, 'v')), absl::StrCat(std::string(257, 'k'), "=1"),
        absl::StrCat("tenant@", std::string(15, 's'), "=1")}) {
    EXPECT_THAT(ErrorOf({kParent, bad}), HasSubstr("tracestate has a member that is not key=value")) << bad;
  }
  EXPECT_THAT(ErrorOf({kParent, "a=1,b=2,a=3"}), HasSubstr("a key twice"));
}

TEST(TraceContextTest, CountsTheMembersOfATracestate) {
  std::string members;
  for (int i = 0; i < 32; ++i) absl::StrAppend(&members, i == 0 ? "" : ",", "k", i, "=v");
  EXPECT_EQ(ValidateTraceContext({kParent, members}), absl::OkStatus());
  EXPECT_THAT(ErrorOf({kParent, members + ",more=v"}), HasSubstr("more than 32"));
}

}  // namespace
}  // namespace dispatchctl
