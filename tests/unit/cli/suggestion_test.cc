#include "config/suggestion.h"

#include <gtest/gtest.h>

#include <array>

namespace dispatchctl::cli {
namespace {

constexpr std::array<std::string_view, 5> kKnown{"server", "server-name", "timeout", "in", "unordered"};

TEST(Suggestion, FindsSlipsOfTheFinger) {
  EXPECT_EQ(NearestMatch("servr", kKnown), "server");
  EXPECT_EQ(NearestMatch("servername", kKnown), "server-name");
  EXPECT_EQ(NearestMatch("timout", kKnown), "timeout");
  EXPECT_EQ(NearestMatch("unorderd", kKnown), "unordered");
}

TEST(Suggestion, TakesABeginningForTheWhole) {
  EXPECT_EQ(NearestMatch("unord", kKnown), "unordered");
}

TEST(Suggestion, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(NearestMatch("frobnicate", kKnown), "");
  EXPECT_EQ(NearestMatch("", kKnown), "");
  EXPECT_EQ(NearestMatch("xy", kKnown), "");
}

}  // namespace
}  // namespace dispatchctl::cli
