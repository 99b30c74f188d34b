#include "mock-server/domain/delay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace dispatchctl::mock {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(Delay, NoneOnlyWithoutLatencyAndJitter) {
  EXPECT_TRUE(Delay(microseconds(0), microseconds(0), 1).none());
  EXPECT_FALSE(Delay(microseconds(1), microseconds(0), 1).none());
  EXPECT_FALSE(Delay(microseconds(0), microseconds(1), 1).none());
}

TEST(Delay, WithoutJitterIsTheLatency) {
  Delay delay(milliseconds(5), microseconds(0), 1);
  EXPECT_EQ(delay.Next(), milliseconds(5));
  EXPECT_EQ(delay.Next(), milliseconds(5));
}

TEST(Delay, JitterGoesBothWaysAndNoFurther) {
  Delay delay(milliseconds(5), milliseconds(2), 1);
  microseconds least = microseconds::max();
  microseconds most = microseconds::min();
  for (int i = 0; i < 10'000; ++i) {
    const microseconds next = delay.Next();
    least = std::min(least, next);
    most = std::max(most, next);
  }
  EXPECT_GE(least, milliseconds(3));
  EXPECT_LE(most, milliseconds(7));
  EXPECT_LT(least, microseconds(3100));
  EXPECT_GT(most, microseconds(6900));
}

TEST(Delay, IsNeverNegative) {
  Delay delay(microseconds(10), milliseconds(1), 1);
  for (int i = 0; i < 1000; ++i) EXPECT_GE(delay.Next(), microseconds(0));
}

TEST(Delay, RepeatsWithItsSeed) {
  Delay first(milliseconds(5), milliseconds(2), 7);
  Delay second(milliseconds(5), milliseconds(2), 7);
  Delay other(milliseconds(5), milliseconds(2), 8);
  int differing = 0;
  for (int i = 0; i < 100; ++i) {
    const microseconds drawn = first.Next();
    EXPECT_EQ(drawn, second.Next());
    differing += drawn == other.Next() ? 0 : 1;
  }
  EXPECT_GT(differing, 90);
}

}  // namespace
}  // namespace dispatchctl::mock
