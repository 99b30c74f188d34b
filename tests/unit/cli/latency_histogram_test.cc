#include "output/latency_histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;

TEST(LatencyHistogram, EmptyIsZero) {
  EXPECT_EQ(LatencyHistogram().Quantile(0.5), nanoseconds(0));
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 60; ++i) histogram.Add(nanoseconds(i));
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(30));
  EXPECT_EQ(histogram.Quantile(1.0), nanoseconds(60));
  EXPECT_EQ(histogram.Quantile(0.0), nanoseconds(1));
}

TEST(LatencyHistogram, AnyQuantileIsRightWithinAThirtySecond) {
  LatencyHistogram histogram;
  constexpr int kCount = 100'000;
  for (int i = 1; i <= kCount; ++i) histogram.Add(nanoseconds(std::int64_t{i} * 1000));
  for (const double quantile : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double expected = quantile * kCount * 1000;
    EXPECT_NEAR(static_cast<double>(histogram.Quantile(quantile).count()), expected, expected / 32)
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

}  // namespace
}  // namespace dispatchctl::cli
