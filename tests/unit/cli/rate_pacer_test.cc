#include "input/rate_pacer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

constexpr RatePacer::TimePoint kPacerStart{std::chrono::hours(1000)};

// How many go within `span` when the pacer is asked at each of the times it names.
int CountWithin(RatePacer& pacer, std::chrono::nanoseconds span) {
  int count = 0;
  for (RatePacer::TimePoint now = kPacerStart; now < kPacerStart + span; now = pacer.next()) {
    while (pacer.Take(now)) ++count;
  }
  return count;
}

TEST(RatePacer, TheFirstGoesAtOnceAndTheSecondDoesNot) {
  RatePacer pacer(10.0, kPacerStart);
  EXPECT_TRUE(pacer.Take(kPacerStart));
  EXPECT_FALSE(pacer.Take(kPacerStart));
  EXPECT_FALSE(pacer.Take(kPacerStart + 99ms));
  EXPECT_EQ(pacer.next(), kPacerStart + 100ms);
  EXPECT_TRUE(pacer.Take(kPacerStart + 100ms));
}

TEST(RatePacer, KeepsTheRate) {
  for (const double rate : {0.5, 3.0, 1000.0, 333'333.0}) {
    RatePacer pacer(rate, kPacerStart);
    EXPECT_NEAR(CountWithin(pacer, 20s), rate * 20.0, 1.0) << rate;
  }
}

TEST(RatePacer, CatchesUpOnWhatWasMissedByWakingLate) {
  RatePacer pacer(1000.0, kPacerStart);
  int count = 0;
  for (auto now = kPacerStart; now < kPacerStart + 10s; now += 30ms) {
    while (pacer.Take(now)) ++count;
  }
  EXPECT_NEAR(count, 10'000, 50);
}

TEST(RatePacer, AfterAPauseABurstIsBounded) {
  RatePacer pacer(1000.0, kPacerStart);
  EXPECT_TRUE(pacer.Take(kPacerStart));
  int count = 0;
  while (pacer.Take(kPacerStart + 1h)) ++count;
  EXPECT_EQ(count, 51);
}

TEST(RatePacer, OneMayGoAtTheTimeThatNextNames) {
  RatePacer pacer(7.0, kPacerStart);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(pacer.Take(std::max(pacer.next(), kPacerStart))) << i;
    ASSERT_FALSE(pacer.Take(pacer.next() - 1us)) << i;
  }
}

}  // namespace
}  // namespace dispatchctl::cli
