#include "call/retry_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace dispatchctl::internal {
namespace {

RetryThrottling Tokens(double max, double ratio) {
  RetryThrottling throttling;
  throttling.max_tokens = max;
  throttling.token_ratio = ratio;
  return throttling;
}

// The scenario of core's ServerRetryThrottleData test.
TEST(RetryBudget, AllowsRetriesAboveHalfOfItsTokens) {
  RetryBudget budget(Tokens(4, 1.6));
  EXPECT_TRUE(budget.OnFailure());  // 3
  budget.OnSuccess();               // 4, full
  EXPECT_EQ(budget.tokens(), 4);
  EXPECT_TRUE(budget.OnFailure());   // 3
  EXPECT_FALSE(budget.OnFailure());  // 2, exactly half
  EXPECT_FALSE(budget.OnFailure());  // 1
  EXPECT_FALSE(budget.OnFailure());  // 0
  EXPECT_FALSE(budget.OnFailure());  // 0, not below
  EXPECT_EQ(budget.tokens(), 0);
  budget.OnSuccess();                // 1.6
  budget.OnSuccess();                // 3.2
  EXPECT_TRUE(budget.OnFailure());   // 2.2
  EXPECT_FALSE(budget.OnFailure());  // 1.2
  budget.OnSuccess();                // 2.8
  EXPECT_FALSE(budget.OnFailure());  // 1.8
  budget.OnSuccess();                // 3.4
  EXPECT_TRUE(budget.OnFailure());   // 2.4
}

TEST(RetryBudget, CountsInThousandths) {
  RetryBudget budget(Tokens(1000, 0.001));
  ASSERT_TRUE(budget.OnFailure());
  budget.OnSuccess();
  EXPECT_DOUBLE_EQ(budget.tokens(), 999.001);
  RetryBudget finer(Tokens(2, 0.0574));
  finer.OnFailure();
  finer.OnSuccess();
  EXPECT_DOUBLE_EQ(finer.tokens(), 1.057);
  EXPECT_DOUBLE_EQ(RetryBudget(Tokens(1.001, 1)).tokens(), 1.001)
      << "1.001 * 1000 is a little less than 1001";
}

TEST(RetryBudget, TakesAHugeRatioForARefill) {
  RetryBudget budget(Tokens(10, 1e300));
  for (int i = 0; i < 10; ++i) budget.OnFailure();
  budget.OnSuccess();
  EXPECT_EQ(budget.tokens(), 10);
}

TEST(RetryBudget, TakesNoMoreTokensThanItCanCount) {
  RetryBudget budget(Tokens(1e300, 1));
  EXPECT_EQ(budget.tokens(), 1e12);
  EXPECT_TRUE(budget.OnFailure());
  EXPECT_EQ(budget.tokens(), 1e12 - 1);
}

TEST(RetryBudget, LetsHedgesGoAboveHalfAndTakesNothingForAsking) {
  RetryBudget budget(Tokens(4, 1));
  EXPECT_TRUE(budget.MayHedge());
  budget.OnFailure();
  EXPECT_TRUE(budget.MayHedge());
  budget.OnFailure();
  EXPECT_FALSE(budget.MayHedge());
  EXPECT_EQ(budget.tokens(), 2);
  budget.OnSuccess();
  EXPECT_TRUE(budget.MayHedge());
}

TEST(RetryBudget, LetsFourRetriesGoWhenAllFails) {
  RetryBudget budget(RetryThrottling{});
  int retries = 0;
  for (int i = 0; i < 1000; ++i) retries += budget.OnFailure() ? 1 : 0;
  EXPECT_EQ(retries, 4);
}

// retries < max / 2 + ratio * successes, over any run from a full bucket.
TEST(RetryBudget, NeverLetsMoreRetriesGoThanItsTokensPay) {
  std::mt19937_64 random(20);
  for (int run = 0; run < 2000; ++run) {
    const int max_thousandths = std::uniform_int_distribution<int>(1, 50'000)(random);
    const int ratio_thousandths = std::uniform_int_distribution<int>(1, 2'000)(random);
    const int failing_percent = std::uniform_int_distribution<int>(0, 100)(random);
    RetryBudget budget(Tokens(max_thousandths / 1000.0, ratio_thousandths / 1000.0));
    std::int64_t retries = 0;
    std::int64_t successes = 0;
    for (int i = 0; i < 300; ++i) {
      if (std::uniform_int_distribution<int>(1, 100)(random) > failing_percent) {
        budget.OnSuccess();
        ++successes;
      } else if (budget.OnFailure()) {
        ++retries;
      }
      ASSERT_TRUE(retries == 0 || 2000 * retries < max_thousandths + 2 * ratio_thousandths * successes)
          << "max " << max_thousandths << ", ratio " << ratio_thousandths << " thousandths";
    }
  }
}

// Once the bucket is down, retries follow the successes: at most 1 + ratio attempts a call.
TEST(RetryBudget, SettlesAtItsRatio) {
  RetryBudget budget(RetryThrottling{});
  std::mt19937_64 random(21);
  int calls = 0;
  int attempts = 0;
  while (calls < 100'000) {
    ++calls;
    bool retry = true;
    for (int made = 1; retry && made <= 4; ++made) {
      ++attempts;
      const bool failed = random() % 10 < 3;
      retry = failed && budget.OnFailure();
      if (!failed) budget.OnSuccess();
    }
  }
  EXPECT_GT(attempts, calls);
  EXPECT_LT(attempts, calls * 1.1 + 5);
}

TEST(RetryBudget, HonoursTheLeastConcurrencyHoweverFewCallsAreInFlight) {
  RetryThrottling throttling;
  throttling.min_concurrent = 3;
  RetryBudget budget(throttling);
  std::vector<RetryBudget::Slot> slots;
  for (int i = 0; i < 3; ++i) {
    slots.push_back(budget.TryAcquire(1));
    EXPECT_TRUE(slots.back());
  }
  EXPECT_FALSE(budget.TryAcquire(1));
  EXPECT_EQ(budget.in_flight(), 3U);
}

TEST(RetryBudget, GrowsWithTheCallsInFlight) {
  RetryBudget budget(RetryThrottling{});
  std::vector<RetryBudget::Slot> slots;
  while (RetryBudget::Slot slot = budget.TryAcquire(25)) slots.push_back(std::move(slot));
  EXPECT_EQ(slots.size(), 5U);
  EXPECT_FALSE(budget.TryAcquire(29)) << "5.8 is not room for six";
  EXPECT_TRUE(budget.TryAcquire(30));
}

TEST(RetryBudget, WithoutAnyConcurrencyHasNoRoom) {
  RetryThrottling throttling;
  throttling.min_concurrent = 0;
  throttling.max_concurrent_ratio = 0;
  RetryBudget budget(throttling);
  EXPECT_FALSE(budget.TryAcquire(1'000'000));
}

TEST(RetryBudget, TakesSlotsBackOnceEach) {
  RetryThrottling throttling;
  throttling.min_concurrent = 1;
  RetryBudget budget(throttling);
  {
    RetryBudget::Slot slot = budget.TryAcquire(1);
    RetryBudget::Slot moved = std::move(slot);
    EXPECT_TRUE(moved);
    EXPECT_EQ(budget.in_flight(), 1U);
    moved = RetryBudget::Slot();
    EXPECT_EQ(budget.in_flight(), 0U);
    moved = budget.TryAcquire(1);
    EXPECT_TRUE(moved);
  }
  EXPECT_EQ(budget.in_flight(), 0U);
}

TEST(RetryBudget, CountsRightUnderThreads) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 20'000;
  RetryThrottling throttling = Tokens(1000, 1);
  RetryBudget budget(throttling);
  for (int i = 0; i < 400; ++i) budget.OnFailure();
  std::atomic<std::uint64_t> most_in_flight{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        // Never more than eight tokens from 600, so neither bound is met and nothing is lost.
        budget.OnFailure();
        {
          const RetryBudget::Slot slot = budget.TryAcquire(1);
          std::uint64_t seen = budget.in_flight();
          std::uint64_t most = most_in_flight.load();
          while (seen > most && !most_in_flight.compare_exchange_weak(most, seen)) {
          }
        }
        budget.OnSuccess();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.tokens(), 600);
  EXPECT_EQ(budget.in_flight(), 0U);
  EXPECT_LE(most_in_flight.load(), 3U);
}

}  // namespace
}  // namespace dispatchctl::internal
