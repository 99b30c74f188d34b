#include "mock-server/domain/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dispatchctl::mock {
namespace {

using std::chrono::microseconds;

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(ParseDuration("250us").value(), microseconds(250));
  EXPECT_EQ(ParseDuration("5ms").value(), std::chrono::milliseconds(5));
  EXPECT_EQ(ParseDuration("1.5s").value(), std::chrono::milliseconds(1500));
  EXPECT_EQ(ParseDuration("1m").value(), std::chrono::minutes(1));
  EXPECT_EQ(ParseDuration("2h").value(), std::chrono::hours(2));
  EXPECT_EQ(ParseDuration("0s").value(), microseconds(0));
}

TEST(ParseDuration, SaysWhatIsWrong) {
  EXPECT_EQ(ParseDuration("5").status().message(), "'5' has no unit; use for example 5ms or 5s");
  EXPECT_EQ(ParseDuration("5d").status().message(), "'5d' has the unknown unit 'd'; use us, ms, s, m or h");
  EXPECT_EQ(ParseDuration("99999999999h").status().message(), "'99999999999h' is too long");
}

class NoDuration : public testing::TestWithParam<const char*> {};

TEST_P(NoDuration, IsRefused) {
  EXPECT_FALSE(ParseDuration(GetParam()).ok());
}

INSTANTIATE_TEST_SUITE_P(Texts, NoDuration,
                         testing::Values("", "s", "-1s", "nans", "infs", " 1s", "1 s", "1s ", "1S"));

}  // namespace
}  // namespace dispatchctl::mock
