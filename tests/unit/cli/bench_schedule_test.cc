#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "bench/paced_feed.h"
#include "bench/schedule.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// When each call should start, as far as `now`.
std::vector<nanoseconds> StartsUntil(Schedule& schedule, nanoseconds now) {
  std::vector<nanoseconds> starts;
  for (;;) {
    const std::optional<nanoseconds> start = schedule.Next(now);
    if (!start.has_value() || *start > now) return starts;
    schedule.Take(*start);
    starts.push_back(*start);
  }
}

TEST(Schedule, SpreadsStartsEvenly) {
  Schedule schedule({.rate = 100.0, .duration = 1s});
  EXPECT_EQ(StartsUntil(schedule, 25ms), (std::vector<nanoseconds>{0ms, 10ms, 20ms}));
  EXPECT_EQ(schedule.Next(25ms), 30ms);
}

TEST(Schedule, StartsKeepTheirTimesWhenTheClockRunsOn) {
  Schedule schedule({.rate = 1000.0, .duration = 10s});
  const std::vector<nanoseconds> starts = StartsUntil(schedule, 5s);
  ASSERT_EQ(starts.size(), 5001U);
  EXPECT_EQ(starts[1], 1ms);
  EXPECT_EQ(starts.back(), 5s);
}

TEST(Schedule, DoesNotDriftAtOddRates) {
  Schedule schedule({.rate = 333.0, .duration = 100s});
  const std::vector<nanoseconds> starts = StartsUntil(schedule, 200s);
  ASSERT_EQ(starts.size(), 33'300U);
  EXPECT_NEAR(static_cast<double>(starts[33'000].count()), 33'000.0 / 333.0 * 1e9, 1.0);
}

TEST(Schedule, TheWarmUpComesOnTop) {
  Schedule schedule({.rate = 100.0, .warmup = 500ms, .duration = 1s});
  std::size_t measured = 0;
  for (const nanoseconds start : StartsUntil(schedule, 10s)) measured += schedule.Measured(start) ? 1U : 0U;
  EXPECT_EQ(measured, 100U);
  EXPECT_EQ(schedule.taken(), 150U);
}

TEST(Schedule, TheCountLeavesTheWarmUpOut) {
  Schedule schedule({.rate = 100.0, .warmup = 95ms, .count = 7});
  EXPECT_EQ(StartsUntil(schedule, 10s).size(), 10U + 7U);
  EXPECT_EQ(schedule.Next(10s), std::nullopt);
}

TEST(Schedule, EndsWithWhicheverComesFirst) {
  Schedule by_count({.rate = 100.0, .duration = 1s, .count = 5});
  EXPECT_EQ(StartsUntil(by_count, 10s).size(), 5U);
  Schedule by_duration({.rate = 100.0, .duration = 1s, .count = 5000});
  EXPECT_EQ(StartsUntil(by_duration, 10s).size(), 100U);
}

TEST(Schedule, AClosedLoopStartsAtOnce) {
  Schedule schedule({.warmup = 1s, .duration = 2s, .count = 2});
  EXPECT_FALSE(schedule.open());
  EXPECT_EQ(schedule.Next(300ms), 300ms);
  schedule.Take(300ms);
  EXPECT_FALSE(schedule.Measured(300ms));
  schedule.Take(1s);
  EXPECT_EQ(schedule.Next(1500ms), 1500ms);
  EXPECT_EQ(schedule.Next(3s), std::nullopt);
  schedule.Take(1500ms);
  EXPECT_EQ(schedule.Next(1600ms), std::nullopt);
  EXPECT_EQ(schedule.Overdue(10s), 0U);
  EXPECT_EQ(schedule.LastStart(), std::nullopt);
}

TEST(Schedule, CountsWhatIsOverdue) {
  Schedule schedule({.rate = 100.0, .warmup = 100ms, .duration = 1s});
  EXPECT_EQ(schedule.Overdue(100ms), 0U);
  EXPECT_EQ(schedule.Overdue(101ms), 1U);
  EXPECT_EQ(schedule.Overdue(1h), 100U);
  StartsUntil(schedule, 595ms);
  EXPECT_EQ(schedule.Overdue(595ms), 0U);
  EXPECT_EQ(schedule.Overdue(1h), 50U);
  Schedule counted({.rate = 100.0, .count = 3});
  EXPECT_EQ(counted.Overdue(1h), 3U);
}

TEST(Schedule, CatchesUpForATenthOfTheDuration) {
  EXPECT_EQ(Schedule({.rate = 1.0, .warmup = 5s, .duration = 1min}).LastStart(), 71s);
  EXPECT_EQ(Schedule({.rate = 1.0, .duration = 2s}).LastStart(), 3s);
  EXPECT_EQ(Schedule({.rate = 1.0, .count = 2}).LastStart(), std::nullopt);
}

TEST(Schedule, KnowsHowFarItIs) {
  Schedule timed({.rate = 100.0, .warmup = 1s, .duration = 3s});
  EXPECT_DOUBLE_EQ(timed.Progress(1s), 0.25);
  EXPECT_DOUBLE_EQ(timed.Progress(9s), 1.0);
  Schedule counted({.rate = 100.0, .count = 10});
  StartsUntil(counted, 25ms);
  EXPECT_DOUBLE_EQ(counted.Progress(1h), 0.3);
}

// Has room for so many, and remembers what was started.
class FakeLoad final : public Load {
 public:
  struct Started {
    std::uint64_t index;
    nanoseconds intended;
    bool held_up;
  };

  void Begin(TimePoint begin) override { began = begin; }
  Start TryStart(std::uint64_t index, nanoseconds intended, TimePoint /*now*/, bool held_up) override {
    if (ended) return Start::kEnded;
    if (room == 0) return Start::kNoRoom;
    --room;
    started.push_back({index, intended, held_up});
    return Start::kStarted;
  }
  void Close() override { closed = true; }
  void Cancel() override { cancelled = true; }

  std::size_t room = 1'000'000;
  bool ended = false;
  bool closed = false;
  bool cancelled = false;
  TimePoint began{};
  std::vector<Started> started;
};

class PacedFeedTest : public ::testing::Test {
 protected:
  const Load::TimePoint begin_ = Load::TimePoint(1h);
  Load::TimePoint now_ = begin_;
  FakeLoad load_;
};

TEST_F(PacedFeedTest, StartsAllThatAreDueAndWaitsForTheNext) {
  PacedFeed feed({.rate = 100.0, .duration = 1s}, load_, [this] { return now_; });
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kTime);
  EXPECT_EQ(load_.began, begin_);
  EXPECT_EQ(load_.started.size(), 1U);
  EXPECT_EQ(feed.resume_time(), begin_ + 10ms);
  now_ += 35ms;
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kTime);
  EXPECT_EQ(load_.started.size(), 4U);
  EXPECT_EQ(load_.started.back().index, 3U);
  EXPECT_EQ(feed.resume_time(), begin_ + 40ms);
  now_ += 10s;
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kEnd);
}

TEST_F(PacedFeedTest, WhatFindsNoRoomKeepsItsTime) {
  PacedFeed feed({.rate = 100.0, .duration = 1s}, load_, [this] { return now_; });
  load_.room = 1;
  feed.Pump(false);
  now_ += 500ms;
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kRoomOrTime);
  EXPECT_EQ(feed.resume_time(), begin_ + 2s);
  load_.room = 10;
  now_ += 100ms;
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kRoomOrTime);
  ASSERT_EQ(load_.started.size(), 11U);
  EXPECT_EQ(load_.started[1].intended, 10ms);
  EXPECT_TRUE(load_.started[1].held_up);
}

TEST_F(PacedFeedTest, GivesUpOnWhatIsOverdueForLong) {
  PacedFeed feed({.rate = 100.0, .duration = 1s}, load_, [this] { return now_; });
  load_.room = 1;
  feed.Pump(false);
  load_.room = 1000;
  now_ += 2s;
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kEnd);
  EXPECT_EQ(load_.started.size(), 1U);
  EXPECT_EQ(feed.schedule().Overdue(feed.Elapsed()), 99U);
}

TEST_F(PacedFeedTest, AClosedLoopFillsTheRoomThereIs) {
  PacedFeed feed({.count = 5}, load_, [this] { return now_; });
  load_.room = 3;
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kRoom);
  EXPECT_EQ(load_.started.size(), 3U);
  load_.room = 3;
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kEnd);
  EXPECT_EQ(load_.started.size(), 5U);
}

TEST_F(PacedFeedTest, EndsWithItsLoad) {
  PacedFeed feed({.rate = 100.0, .duration = 1s}, load_, [this] { return now_; });
  load_.ended = true;
  EXPECT_EQ(feed.Pump(false), Feed::Wants::kEnd);
  feed.CloseSubmissions();
  EXPECT_TRUE(load_.closed);
  feed.Cancel();
  EXPECT_TRUE(load_.cancelled);
}

}  // namespace
}  // namespace dispatchctl::cli
