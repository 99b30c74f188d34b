#include "output/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;

TEST(LatencyHistogram, EmptyIsZero) {
  EXPECT_EQ(LatencyHistogram().min(), nanoseconds(0));
  EXPECT_EQ(LatencyHistogram().max(), nanoseconds(0));
  EXPECT_EQ(LatencyHistogram().mean(), nanoseconds(0));
  EXPECT_EQ(LatencyHistogram().Quantile(0.5), nanoseconds(0));
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 60; ++i) histogram.Add(nanoseconds(i));
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(30));
  EXPECT_EQ(histogram.Quantile(1.0), nanoseconds(60));
  EXPECT_EQ(histogram.Quantile(0.0), nanoseconds(1));
}

TEST(LatencyHistogram, AnyQuantileIsRightWithinAFiveHundredth) {
  LatencyHistogram histogram;
  constexpr int kCount = 100'000;
  for (int i = 1; i <= kCount; ++i) histogram.Add(nanoseconds(std::int64_t{i} * 1000));
  for (const double quantile : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double expected = quantile * kCount * 1000;
    EXPECT_NEAR(static_cast<double>(histogram.Quantile(quantile).count()), expected, expected / 512)
        << quantile;
  }
  EXPECT_EQ(histogram.count(), static_cast<std::uint64_t>(kCount));
}

TEST(LatencyHistogram, TakesEveryValue) {
  LatencyHistogram histogram;
  histogram.Add(nanoseconds(-5));
  histogram.Add(nanoseconds(0));
  for (int bit = 0; bit < 63; ++bit) {
    histogram.Add(nanoseconds((std::int64_t{1} << bit) - 1));
    histogram.Add(nanoseconds(std::int64_t{1} << bit));
  }
  histogram.Add(nanoseconds(std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(histogram.count(), 129U);
  EXPECT_GE(histogram.Quantile(1.0).count(), std::int64_t{1} << 62);
}

TEST(LatencyHistogram, QuantilesNeverFall) {
  LatencyHistogram histogram;
  for (std::int64_t value = 1; value < 1'000'000'000; value = value * 9 / 7 + 1)
    histogram.Add(nanoseconds(value));
  nanoseconds last{0};
  for (int percent = 0; percent <= 100; ++percent) {
    const nanoseconds value = histogram.Quantile(percent / 100.0);
    EXPECT_GE(value, last);
    last = value;
  }
}

TEST(LatencyHistogram, AgreesWithSortedSamplesOfAnySize) {
  // Latencies from 1 us to hours, as many of each size.
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(3.0, 13.5);
  LatencyHistogram histogram;
  std::vector<std::int64_t> samples;
  for (int i = 0; i < 50'000; ++i) {
    samples.push_back(static_cast<std::int64_t>(std::pow(10.0, exponent(random))));
    histogram.Add(nanoseconds(samples.back()));
  }
  std::sort(samples.begin(), samples.end());
  double sum = 0.0;
  for (const std::int64_t sample : samples) sum += static_cast<double>(sample);
  for (const double quantile : {0.0, 0.001, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(samples.size())));
    const auto expected = static_cast<double>(samples[std::max<std::size_t>(rank, 1) - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.Quantile(quantile).count()), expected, expected / 512)
        << quantile;
  }
  EXPECT_EQ(histogram.min().count(), samples.front());
  EXPECT_EQ(histogram.max().count(), samples.back());
  EXPECT_EQ(histogram.Quantile(1.0), histogram.max());
  const double mean = sum / static_cast<double>(samples.size());
  EXPECT_NEAR(static_cast<double>(histogram.mean().count()), mean, 1e-9 * mean + 1.0);
}

TEST(LatencyHistogram, BucketsHoldWhatWasAdded) {
  LatencyHistogram histogram;
  for (int i = 0; i < 3; ++i) histogram.Add(nanoseconds(5));
  histogram.Add(nanoseconds(1'000'000));
  const auto buckets = histogram.Buckets();
  ASSERT_EQ(buckets.size(), 2U);
  EXPECT_EQ(buckets[0].first, nanoseconds(5));
  EXPECT_EQ(buckets[0].second, 3U);
  EXPECT_NEAR(static_cast<double>(buckets[1].first.count()), 1e6, 1e6 / 512);
  EXPECT_EQ(buckets[1].second, 1U);
  EXPECT_TRUE(LatencyHistogram().Buckets().empty());
}

}  // namespace
}  // namespace dispatchctl::cli
