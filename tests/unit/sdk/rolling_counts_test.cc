#include "endpoints/rolling_counts.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace dispatchctl::internal {
namespace {

using Added = RollingCounts::Added;

BreakerCounts RolledCounts(std::uint64_t requests, std::uint64_t successes, std::uint64_t failures,
                           std::uint64_t exclusions, std::uint64_t success_streak,
                           std::uint64_t failure_streak) {
  BreakerCounts counts;
  counts.requests = requests;
  counts.successes = successes;
  counts.failures = failures;
  counts.exclusions = exclusions;
  counts.consecutive_successes = success_streak;
  counts.consecutive_failures = failure_streak;
  return counts;
}

RollingCounts Started(std::size_t buckets, RollingCounts::Age age = 1) {
  RollingCounts counts(buckets);
  counts.Restart(age);
  return counts;
}

void Succeed(RollingCounts& counts, int times = 1) {
  for (int i = 0; i < times; ++i) {
    counts.AddRequests(counts.newest(), 1);
    EXPECT_EQ(counts.TryAddSuccess(counts.newest()), Added::kYes);
  }
}

void Fail(RollingCounts& counts, int times = 1) {
  for (int i = 0; i < times; ++i) {
    counts.AddRequests(counts.newest(), 1);
    EXPECT_TRUE(counts.AddFailure(counts.newest()));
  }
}

// gobreaker: NewRollingCounts, with sizes 0 and -1.
TEST(RollingCounts, HaveAtLeastOneBucket) {
  EXPECT_EQ(RollingCounts(0).size(), 1U);
  EXPECT_EQ(RollingCounts(1).size(), 1U);
  EXPECT_EQ(RollingCounts(10).size(), 10U);
}

// gobreaker: EmptyRollingCounts.
TEST(RollingCounts, CountNothingBeforeTheyAreStarted) {
  RollingCounts counts(3);
  EXPECT_EQ(counts.TryAddSuccess(0), Added::kForgotten);
  EXPECT_FALSE(counts.AddRequests(0, 1));
  EXPECT_FALSE(counts.AddSuccess(0));
  EXPECT_FALSE(counts.AddFailure(0));
  EXPECT_FALSE(counts.AddExclusion(0));
  EXPECT_EQ(counts.BucketAt(0), std::nullopt);
  EXPECT_EQ(counts.Total(), BreakerCounts{});
}

// gobreaker: CountsMethods.
TEST(RollingCounts, EachOutcomeChangesItsOwnNumberAndTheStreaks) {
  RollingCounts counts = Started(1);
  counts.AddRequests(1, 4);
  EXPECT_EQ(counts.Total(), RolledCounts(4, 0, 0, 0, 0, 0));
  EXPECT_EQ(counts.TryAddSuccess(1), Added::kYes);
  EXPECT_EQ(counts.Total(), RolledCounts(4, 1, 0, 0, 1, 0));
  EXPECT_TRUE(counts.AddSuccess(1));
  EXPECT_EQ(counts.Total(), RolledCounts(4, 2, 0, 0, 2, 0));
  EXPECT_TRUE(counts.AddFailure(1));
  EXPECT_EQ(counts.Total(), RolledCounts(4, 2, 1, 0, 0, 1));
  EXPECT_TRUE(counts.AddExclusion(1));
  EXPECT_EQ(counts.Total(), RolledCounts(4, 2, 1, 1, 0, 1));
  EXPECT_TRUE(counts.AddFailure(1));
  EXPECT_EQ(counts.Total(), RolledCounts(4, 2, 2, 1, 0, 2));
  EXPECT_EQ(counts.TryAddSuccess(1), Added::kYes);
  EXPECT_EQ(counts.Total(), RolledCounts(4, 3, 2, 1, 1, 0));
  EXPECT_TRUE(counts.AddFailure(1));
  EXPECT_EQ(counts.Total(), RolledCounts(4, 3, 3, 1, 0, 1));
  EXPECT_EQ(counts.BucketAt(1), counts.Total());
  counts.Clear();
  EXPECT_EQ(counts.Total(), BreakerCounts{});
}

// gobreaker: Methods, Current.
TEST(RollingCounts, BucketAndTotalMoveTogether) {
  RollingCounts counts = Started(3);
  Succeed(counts, 2);
  Fail(counts);
  counts.Advance(1);
  EXPECT_EQ(counts.newest(), 2U);
  Fail(counts, 2);
  EXPECT_EQ(counts.BucketAt(1), RolledCounts(3, 2, 1, 0, 0, 1));
  EXPECT_EQ(counts.BucketAt(2), RolledCounts(2, 0, 2, 0, 0, 2));
  EXPECT_EQ(counts.Total(), RolledCounts(5, 2, 3, 0, 0, 3));
}

// gobreaker: Index, BucketAt.
TEST(RollingCounts, ABucketIsFoundByItsAgeAsLongAsItIsInTheWindow) {
  RollingCounts counts = Started(3, 7);
  for (std::uint64_t requests = 1; requests <= 3; ++requests) {
    counts.AddRequests(counts.newest(), requests);
    if (requests < 3) counts.Advance(1);
  }
  EXPECT_EQ(counts.BucketAt(6), std::nullopt);
  EXPECT_EQ(counts.BucketAt(7)->requests, 1U);
  EXPECT_EQ(counts.BucketAt(8)->requests, 2U);
  EXPECT_EQ(counts.BucketAt(9)->requests, 3U);
  EXPECT_EQ(counts.BucketAt(10), std::nullopt) << "from the future";
  EXPECT_FALSE(counts.AddFailure(10));
  EXPECT_EQ(counts.TryAddSuccess(10), Added::kForgotten);
  counts.Advance(1);
  EXPECT_EQ(counts.BucketAt(7), std::nullopt);
  EXPECT_EQ(counts.BucketAt(10)->requests, 0U);
}

// gobreaker: Grow.
TEST(RollingCounts, TheOldestBucketLeavesTheTotal) {
  RollingCounts counts = Started(3);
  Succeed(counts, 5);
  counts.Advance(1);
  Fail(counts, 2);
  counts.Advance(1);
  EXPECT_EQ(counts.Total(), RolledCounts(7, 5, 2, 0, 0, 2));
  counts.Advance(1);
  EXPECT_EQ(counts.Total(), RolledCounts(2, 0, 2, 0, 0, 2));
  counts.Advance(0);
  EXPECT_EQ(counts.newest(), 4U);
  EXPECT_EQ(counts.Total(), RolledCounts(2, 0, 2, 0, 0, 2));
}

// gobreaker: Grow, by as many buckets as there are and by more.
TEST(RollingCounts, AJumpOverTheWholeWindowForgetsEverything) {
  for (const std::uint64_t steps : {3U, 4U, 1000U}) {
    RollingCounts counts = Started(3);
    Fail(counts, 5);
    counts.Advance(steps - 1 < 2 ? steps - 1 : 2);
    EXPECT_EQ(counts.Total(), RolledCounts(5, 0, 5, 0, 0, 5));
    const RollingCounts::Age before = counts.newest();
    Fail(counts);
    counts.Advance(steps);
    EXPECT_EQ(counts.newest(), before + steps);
    EXPECT_EQ(counts.Total(), BreakerCounts{});
    EXPECT_FALSE(counts.AddFailure(before));
  }
}

// gobreaker's rule sees that a streak spans the window, not that it has left it: verdicts that come late can
// leave a streak behind which no bucket holds, until a jump over the whole window.
TEST(RollingCounts, AStreakOfLateVerdictsMayOutliveItsBucket) {
  for (const bool jump : {false, true}) {
    RollingCounts counts = Started(2);
    Fail(counts);
    counts.Advance(1);
    Succeed(counts);
    EXPECT_TRUE(counts.AddFailure(1));
    EXPECT_EQ(counts.Total(), RolledCounts(2, 1, 2, 0, 0, 1));
    if (jump) {
      counts.Advance(2);
    } else {
      counts.Advance(1);
      counts.Advance(1);
    }
    EXPECT_EQ(counts.Total(), RolledCounts(0, 0, 0, 0, 0, jump ? 0 : 1));
  }
}

TEST(RollingCounts, AStreakThatFillsTheWindowLosesTheForgottenBucketsPart) {
  RollingCounts counts = Started(3);
  for (const int number : {4, 3, 2}) {
    Fail(counts, number);
    if (number != 2) counts.Advance(1);
  }
  EXPECT_EQ(counts.Total().consecutive_failures, 9U);
  counts.Advance(1);
  EXPECT_EQ(counts.Total().consecutive_failures, 5U);
  counts.Advance(1);
  EXPECT_EQ(counts.Total().consecutive_failures, 2U);
  counts.Advance(1);
  EXPECT_EQ(counts.Total().consecutive_failures, 0U);

  counts.Restart(1);
  for (const int number : {4, 3, 2}) {
    Succeed(counts, number);
    if (number != 2) counts.Advance(1);
  }
  EXPECT_EQ(counts.Total().consecutive_successes, 9U);
  counts.Advance(1);
  EXPECT_EQ(counts.Total().consecutive_successes, 5U);
  counts.Advance(2);
  EXPECT_EQ(counts.Total().consecutive_successes, 0U);
}

TEST(RollingCounts, AStreakThatBeganWithinTheForgottenBucketLosesOnlyItsPartOfIt) {
  RollingCounts counts = Started(2);
  Succeed(counts);
  Fail(counts, 3);
  counts.Advance(1);
  Fail(counts, 2);
  EXPECT_EQ(counts.Total().consecutive_failures, 5U);
  counts.Advance(1);
  EXPECT_EQ(counts.Total().consecutive_failures, 2U);
}

TEST(RollingCounts, AStreakThatBeganAfterTheForgottenBucketIsKept) {
  RollingCounts counts = Started(3);
  Fail(counts, 3);
  counts.Advance(1);
  Succeed(counts, 1);
  Fail(counts, 2);
  counts.Advance(2);
  EXPECT_EQ(counts.Total(), RolledCounts(3, 1, 2, 0, 0, 2));

  counts.Restart(1);
  Succeed(counts, 3);
  counts.Advance(1);
  Fail(counts, 1);
  Succeed(counts, 2);
  counts.Advance(2);
  EXPECT_EQ(counts.Total(), RolledCounts(3, 2, 1, 0, 2, 0));
}

TEST(RollingCounts, ForgettingSuccessesDoesNotBringAnOlderStreakOfFailuresBack) {
  RollingCounts counts = Started(2);
  Fail(counts, 2);
  Succeed(counts, 3);
  counts.Advance(1);
  EXPECT_EQ(counts.Total().consecutive_successes, 3U);
  counts.Advance(1);
  EXPECT_EQ(counts.Total(), BreakerCounts{});
  Fail(counts);
  EXPECT_EQ(counts.Total().consecutive_failures, 1U);
}

TEST(RollingCounts, AgesStartAgainWhenTheirBitsAreUsedUp) {
  RollingCounts counts = Started(3, RollingCounts::kAgeMask);
  Fail(counts);
  counts.Advance(1);
  EXPECT_EQ(counts.newest(), 0U);
  Succeed(counts, 2);
  EXPECT_EQ(counts.Total(), RolledCounts(3, 2, 1, 0, 2, 0));
  EXPECT_TRUE(counts.AddExclusion(RollingCounts::kAgeMask));
  counts.Advance(2);
  EXPECT_EQ(counts.Total(), RolledCounts(2, 2, 0, 0, 2, 0));
  EXPECT_FALSE(counts.AddExclusion(RollingCounts::kAgeMask));
}

TEST(RollingCounts, CountMoreSuccessesThanABucketsWordHolds) {
  RollingCounts counts = Started(1);
  constexpr std::uint64_t kFits = (std::uint64_t{1} << 24) - 1;
  for (std::uint64_t i = 0; i < kFits; ++i) ASSERT_EQ(counts.TryAddSuccess(1), Added::kYes);
  EXPECT_EQ(counts.TryAddSuccess(1), Added::kFull);
  EXPECT_EQ(counts.Total().successes, kFits);
  EXPECT_TRUE(counts.AddSuccess(1));
  EXPECT_EQ(counts.TryAddSuccess(1), Added::kYes);
  EXPECT_EQ(counts.Total().successes, kFits + 2);
  EXPECT_EQ(counts.Total().consecutive_successes, kFits + 2);
}

TEST(RollingCounts, MakeRoomInAWordWithoutLosingWhatIsAddedMeanwhile) {
  constexpr std::uint64_t kTimes = 500000;
  RollingCounts counts = Started(1);
  std::atomic<int> running = 3;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (std::uint64_t n = 0; n < kTimes; ++n) EXPECT_EQ(counts.TryAddSuccess(1), Added::kYes);
      running.fetch_sub(1);
    });
  std::uint64_t made_room = 0;
  for (; running.load() > 0; ++made_room) EXPECT_TRUE(counts.AddSuccess(1));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts.Total().successes, 3 * kTimes + made_room);
}

// Successes need no lock while the ring moves on under them: each counts where it was admitted, or says that
// it did not.
TEST(RollingCounts, ASuccessIsCountedExactlyWhenItSaysSo) {
  constexpr int kThreads = 4;
  constexpr std::uint64_t kSteps = 2000;
  RollingCounts counts(4);
  counts.Restart(1);
  std::atomic<std::uint64_t> newest = 1;
  std::atomic<bool> stop = false;
  std::vector<std::atomic<std::uint64_t>> said(kSteps + 2);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      while (!stop.load()) {
        const std::uint64_t age = newest.load();
        if (counts.TryAddSuccess(age) == Added::kYes) said[age].fetch_add(1);
      }
    });
  std::vector<std::uint64_t> seen(kSteps + 2);
  for (std::uint64_t step = 1; step <= kSteps; ++step) {
    for (std::uint64_t age = step < 4 ? 1 : step - 3; age <= step; ++age)
      seen[age] = counts.BucketAt(age)->successes;
    counts.Advance(1);
    newest.store(step + 1);
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  std::uint64_t in_window = 0;
  for (std::uint64_t age = kSteps - 2; age <= kSteps + 1; ++age) {
    EXPECT_EQ(counts.BucketAt(age)->successes, said[age].load());
    in_window += said[age].load();
  }
  EXPECT_EQ(counts.Total().successes, in_window);
  for (std::uint64_t age = 1; age <= kSteps - 3; ++age) EXPECT_LE(seen[age], said[age].load()) << age;
}

}  // namespace
}  // namespace dispatchctl::internal
