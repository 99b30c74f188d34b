#include "mock-server/observation/trace_context.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace dispatchctl::mock {
namespace {

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpanId[] = "00f067aa0ba902b7";

std::string Header(std::string_view version, std::string_view rest = "", std::string_view trace_id = kTraceId,
                   std::string_view span_id = kSpanId) {
  std::string header;
  header.append(version).append("-").append(trace_id).append("-").append(span_id).append("-01").append(rest);
  return header;
}

TEST(Traceparent, HasTheTraceAndTheCallersSpan) {
  const std::string header = Header("00");
  const auto context = ParseTraceparent(header);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_id, kTraceId);
  EXPECT_EQ(context->span_id, kSpanId);
}

TEST(Traceparent, OfALaterVersionMayHaveMore) {
  EXPECT_TRUE(ParseTraceparent(Header("01")).has_value());
  EXPECT_TRUE(ParseTraceparent(Header("01", "-more")).has_value());
  EXPECT_FALSE(ParseTraceparent(Header("01", "more")).has_value());
  EXPECT_FALSE(ParseTraceparent(Header("00", "-more")).has_value());
}

TEST(Traceparent, IsIgnoredWhenItIsNotOne) {
  const std::string good = Header("00");
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(ParseTraceparent(good.substr(0, size)).has_value()) << size;
  // No character may be one that is no digit; the separators, no other.
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char other : {'g', 'A', ' ', '\0', good[i] == '-' ? '0' : '-'}) {
      std::string bad = good;
      bad[i] = other;
      EXPECT_FALSE(ParseTraceparent(bad).has_value()) << bad;
    }
  }
  EXPECT_FALSE(ParseTraceparent(Header("ff")).has_value());
  EXPECT_FALSE(ParseTraceparent(Header("00", "", std::string(32, '0'))).has_value());
  EXPECT_FALSE(ParseTraceparent(Header("00", "", kTraceId, std::string(16, '0'))).has_value());
}

}  // namespace
}  // namespace dispatchctl::mock
