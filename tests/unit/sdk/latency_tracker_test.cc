#include "endpoints/latency_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

namespace dispatchctl::internal {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

double Nanoseconds(std::optional<nanoseconds> value) {
  return value ? static_cast<double>(value->count()) : std::nan("");
}

TEST(LatencyTracker, KnowsNoQuantileBeforeItIsWarm) {
  LatencyTracker tracker;
  EXPECT_FALSE(tracker.Average().has_value());
  for (std::uint64_t i = 0; i < LatencyTracker::kWarmUp - 1; ++i) tracker.Record(milliseconds(1));
  EXPECT_FALSE(tracker.Quantile(0.5).has_value());
  EXPECT_EQ(tracker.count(), 19U);
  tracker.Record(milliseconds(1));
  EXPECT_TRUE(tracker.Quantile(0.5).has_value());
  EXPECT_EQ(tracker.count(), 20U);
}

TEST(LatencyTracker, IsExactForFewNanosecondsAndAlmostSoForMore) {
  for (std::int64_t exact = 0; exact < 32; ++exact) {
    LatencyTracker tracker;
    for (int i = 0; i < 20; ++i) tracker.Record(nanoseconds(exact));
    EXPECT_EQ(tracker.Quantile(0.5), nanoseconds(exact));
  }
  for (double value = 32; value < 2.7e11; value *= 1.013) {
    LatencyTracker tracker;
    for (int i = 0; i < 20; ++i) tracker.Record(nanoseconds(static_cast<std::int64_t>(value)));
    ASSERT_NEAR(Nanoseconds(tracker.Quantile(0.5)), value, value * 0.032);
  }
}

TEST(LatencyTracker, HoldsWhatIsOutOfRange) {
  LatencyTracker tracker;
  for (int i = 0; i < 10; ++i) tracker.Record(nanoseconds(-5));
  for (int i = 0; i < 10; ++i) tracker.Record(hours(100));
  EXPECT_EQ(tracker.Quantile(0.5), nanoseconds(0));
  EXPECT_GT(tracker.Quantile(1), seconds(260));
  EXPECT_LT(tracker.Quantile(1), seconds(275));
}

TEST(LatencyTracker, FindsTheQuantilesOfSkewedLatencies) {
  LatencyTracker tracker;
  std::mt19937_64 random(30);
  std::lognormal_distribution<double> latencies(13, 1);
  std::vector<double> samples;
  for (std::uint64_t i = 0; i < LatencyTracker::kFadeEvery - 1; ++i) {
    samples.push_back(std::floor(latencies(random)));
    tracker.Record(nanoseconds(static_cast<std::int64_t>(samples.back())));
  }
  std::sort(samples.begin(), samples.end());
  for (double q : {0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0}) {
    const auto rank =
        static_cast<std::size_t>(std::max(1.0, std::ceil(q * static_cast<double>(samples.size()))));
    const double exact = samples[rank - 1];
    EXPECT_NEAR(Nanoseconds(tracker.Quantile(q)), exact, exact * 0.032) << q;
  }
  EXPECT_EQ(tracker.Quantile(-1), tracker.Quantile(0));
  EXPECT_EQ(tracker.Quantile(2), tracker.Quantile(1));
}

TEST(LatencyTracker, CountsARankFromBelow) {
  LatencyTracker tracker;
  for (int i = 0; i < 19; ++i) tracker.Record(nanoseconds(1));
  tracker.Record(nanoseconds(9));
  EXPECT_EQ(tracker.Quantile(0.95), nanoseconds(1)) << "the 19th of 20";
  EXPECT_EQ(tracker.Quantile(0.96), nanoseconds(9));
}

TEST(LatencyTracker, ForgetsWhatIsOld) {
  LatencyTracker tracker;
  for (std::uint64_t i = 0; i < 4 * LatencyTracker::kFadeEvery; ++i) tracker.Record(milliseconds(100));
  for (std::uint64_t i = 0; i < LatencyTracker::kFadeEvery; ++i) tracker.Record(milliseconds(1));
  EXPECT_GT(tracker.Quantile(0.95), milliseconds(95)) << "not at once";
  for (std::uint64_t i = 0; i < 5 * LatencyTracker::kFadeEvery; ++i) tracker.Record(milliseconds(1));
  EXPECT_LT(tracker.Quantile(0.95), microseconds(1050));
}

// At the second fade at the latest, in whichever bucket it is: these are of four that follow each other.
TEST(LatencyTracker, ForgetsALoneSample) {
  LatencyTracker tracker;
  for (const int lone : {10'000, 10'550, 11'100, 11'650}) tracker.Record(milliseconds(lone));
  for (std::uint64_t i = 0; i < 2 * LatencyTracker::kFadeEvery; ++i) tracker.Record(milliseconds(1));
  EXPECT_LT(tracker.Quantile(1), microseconds(1050));
}

TEST(LatencyTracker, ForgetsALoneZero) {
  LatencyTracker tracker;
  tracker.Record(nanoseconds(0));
  for (std::uint64_t i = 0; i < 2 * LatencyTracker::kFadeEvery; ++i) tracker.Record(milliseconds(1));
  EXPECT_GT(tracker.Quantile(0), microseconds(950));
}

// A sample in two hundred must still be seen at the 99.9th percentile, however often it was halved.
TEST(LatencyTracker, KeepsWhatIsRareButComesAgain) {
  LatencyTracker tracker;
  for (int i = 0; i < 100'000; ++i)
    tracker.Record(i % 200 == 0 ? milliseconds(50 + i / 200 % 50) : milliseconds(1));
  EXPECT_GT(tracker.Quantile(0.999), milliseconds(48));
}

// Of samples that are alone in their buckets, one in two outlives a fade.
TEST(LatencyTracker, KeepsHalfOfTheLoneSamples) {
  LatencyTracker tracker;
  for (std::uint64_t i = 16; i < LatencyTracker::kFadeEvery; ++i) tracker.Record(milliseconds(1));
  for (int bucket = 0; bucket < 16; ++bucket) {
    tracker.Record(nanoseconds((std::int64_t{1} << 26U) + (std::int64_t{bucket} << 22U)));
  }
  EXPECT_GT(tracker.Quantile(1), milliseconds(60));
  EXPECT_LT(tracker.Quantile(0.98), milliseconds(2));
  EXPECT_GT(tracker.Quantile(0.99), milliseconds(60)) << "eight of 512";
}

TEST(LatencyTracker, AveragesWithMoreWeightOnWhatIsNew) {
  LatencyTracker tracker;
  tracker.Record(milliseconds(8));
  EXPECT_EQ(tracker.Average(), milliseconds(8));
  tracker.Record(milliseconds(16));
  EXPECT_EQ(tracker.Average(), milliseconds(9));
  for (int i = 0; i < 200; ++i) tracker.Record(milliseconds(2));
  EXPECT_NEAR(Nanoseconds(tracker.Average()), 2e6, 2);
}

TEST(LatencyTracker, AveragesZerosToo) {
  LatencyTracker tracker;
  tracker.Record(nanoseconds(0));
  EXPECT_EQ(tracker.Average(), nanoseconds(0));
  tracker.Record(nanoseconds(8));
  EXPECT_EQ(tracker.Average(), nanoseconds(1));
}

TEST(LatencyTracker, LosesNoSampleUnderThreads) {
  LatencyTracker tracker;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20'000; ++i) {
        tracker.Record(milliseconds((i + t) % 2 == 0 ? 1 : 3));
        if (i % 1000 == 0) tracker.Quantile(0.95);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tracker.count(), 160'000U);
  EXPECT_NEAR(Nanoseconds(tracker.Quantile(0)), 1e6, 0.032e6);
  EXPECT_NEAR(Nanoseconds(tracker.Quantile(1)), 3e6, 0.1e6);
  EXPECT_GE(tracker.Average(), milliseconds(1));
  EXPECT_LE(tracker.Average(), milliseconds(3));
}

}  // namespace
}  // namespace dispatchctl::internal
