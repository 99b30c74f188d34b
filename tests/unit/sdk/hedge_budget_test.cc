#include "call/hedge_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace dispatchctl::internal {
namespace {

int TakeAll(HedgeBudget& budget) {
  int taken = 0;
  while (budget.TryTake()) ++taken;
  return taken;
}

TEST(HedgeBudget, StartsWithAFew) {
  HedgeBudget budget;
  EXPECT_EQ(TakeAll(budget), 3);
  HedgeBudget small(2);
  EXPECT_EQ(TakeAll(small), 2);
}

TEST(HedgeBudget, GivesAHedgeForSoManyCalls) {
  HedgeBudget budget;
  TakeAll(budget);
  for (int i = 0; i < 19; ++i) budget.OnCall(0.05);
  EXPECT_FALSE(budget.TryTake());
  budget.OnCall(0.05);
  EXPECT_TRUE(budget.TryTake());
  EXPECT_FALSE(budget.TryTake());
}

TEST(HedgeBudget, CountsInMillionths) {
  HedgeBudget budget;
  TakeAll(budget);
  for (int i = 0; i < 999'999; ++i) budget.OnCall(0.000001);
  EXPECT_FALSE(budget.TryTake());
  budget.OnCall(0.000001);
  EXPECT_TRUE(budget.TryTake());
}

TEST(HedgeBudget, KeepsToItsBurst) {
  HedgeBudget budget;
  for (int i = 0; i < 10'000; ++i) budget.OnCall(1);
  EXPECT_EQ(TakeAll(budget), 10);
  HedgeBudget small(1);
  small.OnCall(1);
  EXPECT_EQ(TakeAll(small), 1);
}

TEST(HedgeBudget, KeepsNothingBeyondItsBurst) {
  HedgeBudget budget(1);
  TakeAll(budget);
  for (int i = 0; i < 3; ++i) budget.OnCall(0.4);
  EXPECT_TRUE(budget.TryTake());
  budget.OnCall(0.4);
  budget.OnCall(0.4);
  EXPECT_FALSE(budget.TryTake()) << "the fifth that was too much is gone";
}

TEST(HedgeBudget, GainsNothingFromAShareOfZero) {
  HedgeBudget budget;
  TakeAll(budget);
  for (int i = 0; i < 10'000; ++i) budget.OnCall(0);
  for (int i = 0; i < 10'000; ++i) budget.OnCall(-1);
  EXPECT_FALSE(budget.TryTake());
  budget.OnCall(7);
  budget.OnCall(7);
  EXPECT_EQ(TakeAll(budget), 2) << "a share is no more than one";
}

TEST(HedgeBudget, NeverGivesMoreThanTheShareUnderThreads) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 10'000;
  HedgeBudget budget;
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) {
        budget.OnCall(0.1);
        if (budget.TryTake()) taken.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Each call tries, so that the burst's bound is never met and none is lost.
  EXPECT_EQ(taken.load() + TakeAll(budget), 3 + kThreads * kCalls / 10);
}

}  // namespace
}  // namespace dispatchctl::internal
