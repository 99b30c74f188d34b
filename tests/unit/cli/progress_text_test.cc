#include "output/progress_text.h"

#include <gtest/gtest.h>

#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

constexpr RecentRate::TimePoint kRateStart{std::chrono::hours(1000)};

TEST(ProgressText, ShowsCountRateAndShare) {
  EXPECT_EQ(ProgressText(1'234'567, "results", 61'727.6, 0.5, 80),
            "[##########          ]  50 %  1,234,567 results  61,728/s");
  EXPECT_EQ(ProgressText(0, "results", 0.0, 0.999, 80), "[################### ]  99 %  0 results  0/s");
  EXPECT_EQ(ProgressText(1, "checked", 1.0, 1.0, 80), "[####################] 100 %  1 checked  1/s");
}

TEST(ProgressText, HasNoBarWhereTheEndIsUnknown) {
  EXPECT_EQ(ProgressText(999, "results", 1000.0, std::nullopt, 80), "999 results  1,000/s");
}

TEST(ProgressText, NeverFillsTheLine) {
  for (std::size_t columns = 1; columns < 80; ++columns) {
    EXPECT_LT(ProgressText(1'234'567, "results", 61'727.6, 0.5, columns).size(), columns);
  }
}

TEST(RecentRate, ForgetsWhatIsLongAgo) {
  RecentRate rate;
  EXPECT_EQ(rate.Update(kRateStart, 0), 0.0);
  EXPECT_DOUBLE_EQ(rate.Update(kRateStart + 1s, 100), 100.0);
  for (int i = 2; i <= 10; ++i) rate.Update(kRateStart + i * 1s, 100);
  EXPECT_EQ(rate.Update(kRateStart + 11s, 100), 0.0);
  EXPECT_GT(rate.Update(kRateStart + 12s, 1000), 300.0);
}

TEST(Quantity, GroupsByThousands) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1000), "1,000");
  EXPECT_EQ(Grouped(18'446'744'073'709'551'615U), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace dispatchctl::cli
