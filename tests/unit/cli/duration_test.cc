#include "config/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Good {
  std::string_view text;
  nanoseconds value;

  friend void PrintTo(const Good& good, std::ostream* out) { *out << good.text; }
};

class GoodDuration : public ::testing::TestWithParam<Good> {};

TEST_P(GoodDuration, IsRead) {
  const auto duration = ParseDuration(GetParam().text);
  ASSERT_TRUE(duration.ok()) << GetParam().text;
  EXPECT_EQ(*duration, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(All, GoodDuration,
                         ::testing::Values(Good{"250ms", 250ms}, Good{"5s", 5s}, Good{"1m", 60s},
                                           Good{"2h", 7200s}, Good{"1.5s", 1500ms}, Good{"1m30s", 90s},
                                           Good{"10us", 10us}, Good{"7ns", 7ns}, Good{"0s", 0s},
                                           Good{"0.1s", 100ms}));

class BadDuration : public ::testing::TestWithParam<std::string_view> {};

TEST_P(BadDuration, IsRefused) {
  EXPECT_FALSE(ParseDuration(GetParam()).ok()) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(All, BadDuration,
                         ::testing::Values("", "s", "ms", "-1s", "+1s", "5 s", " 5s", "5s ", "5x", "5sec",
                                           "1e3s", "nan", "inf", "infs", "1..5s", "5", "5s3", "300y",
                                           "99999999999h"));

TEST(Duration, BareNumberIsToldThatItNeedsAUnit) {
  EXPECT_THAT(std::string(ParseDuration("5").status().message()), HasSubstr("needs a unit"));
  EXPECT_THAT(std::string(ParseDuration("1m30").status().message()), HasSubstr("needs a unit"));
}

}  // namespace
}  // namespace dispatchctl::cli
