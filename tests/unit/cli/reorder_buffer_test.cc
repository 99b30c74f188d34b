#include "output/reorder_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int> TakeAll(ReorderBuffer<int>& buffer) {
  std::vector<int> taken;
  while (const std::optional<int> value = buffer.Take()) taken.push_back(*value);
  return taken;
}

TEST(ReorderBuffer, GivesValuesInTheOrderTheyWereAnnounced) {
  ReorderBuffer<int> buffer(8);
  for (const std::uint64_t key : {3U, 7U, 8U}) buffer.Expect(key);
  EXPECT_TRUE(buffer.Put(8, 80));
  EXPECT_TRUE(buffer.Put(7, 70));
  EXPECT_THAT(TakeAll(buffer), IsEmpty());
  EXPECT_EQ(buffer.held_back(), 2U);
  EXPECT_TRUE(buffer.Put(3, 30));
  EXPECT_THAT(TakeAll(buffer), ElementsAre(30, 70, 80));
  EXPECT_EQ(buffer.size(), 0U);
}

TEST(ReorderBuffer, IsFullAtItsCapacity) {
  ReorderBuffer<int> buffer(2);
  buffer.Expect(1);
  EXPECT_FALSE(buffer.full());
  buffer.Expect(2);
  EXPECT_TRUE(buffer.full());
  EXPECT_TRUE(buffer.Put(2, 2));
  EXPECT_TRUE(buffer.full());
  EXPECT_TRUE(buffer.Put(1, 1));
  EXPECT_THAT(TakeAll(buffer), ElementsAre(1, 2));
  EXPECT_FALSE(buffer.full());
}

TEST(ReorderBuffer, AWithdrawnPlaceHoldsNothingBack) {
  ReorderBuffer<int> buffer(4);
  buffer.Expect(1);
  buffer.Expect(2);
  buffer.WithdrawLast();
  buffer.Expect(3);
  EXPECT_FALSE(buffer.Put(2, 2));
  EXPECT_TRUE(buffer.Put(3, 3));
  EXPECT_TRUE(buffer.Put(1, 1));
  EXPECT_THAT(TakeAll(buffer), ElementsAre(1, 3));
}

TEST(ReorderBuffer, AtTheEndWhatIsMissingIsPassedOver) {
  ReorderBuffer<int> buffer(4);
  for (const std::uint64_t key : {1U, 2U, 3U, 4U}) buffer.Expect(key);
  EXPECT_TRUE(buffer.Put(2, 2));
  EXPECT_TRUE(buffer.Put(4, 4));
  EXPECT_EQ(buffer.TakeAny(), 2);
  EXPECT_EQ(buffer.TakeAny(), 4);
  EXPECT_EQ(buffer.TakeAny(), std::nullopt);
}

TEST(ReorderBuffer, AnyOrderComesOutSorted) {
  std::mt19937 random(7);
  constexpr std::size_t kWindow = 1000;
  ReorderBuffer<int> buffer(kWindow);
  std::vector<int> waiting;
  std::vector<int> taken;
  int next = 0;
  while (taken.size() < 20'000) {
    if (!buffer.full() && random() % 2 == 0) {
      buffer.Expect(static_cast<std::uint64_t>(next) * 3);
      waiting.push_back(next++);
    } else if (!waiting.empty()) {
      std::swap(waiting[random() % waiting.size()], waiting.back());
      ASSERT_TRUE(buffer.Put(static_cast<std::uint64_t>(waiting.back()) * 3, waiting.back()));
      waiting.pop_back();
    }
    const std::vector<int> more = TakeAll(buffer);
    taken.insert(taken.end(), more.begin(), more.end());
    ASSERT_LE(buffer.size(), kWindow);
  }
  for (std::size_t i = 0; i < taken.size(); ++i) ASSERT_EQ(taken[i], static_cast<int>(i));
}

TEST(ReorderBuffer, TakesValuesThatCanOnlyBeMoved) {
  ReorderBuffer<std::unique_ptr<int>> buffer(100);
  for (std::uint64_t key = 0; key < 100; ++key) {
    buffer.Expect(key);
    buffer.Put(key, std::make_unique<int>(static_cast<int>(key)));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(**buffer.Take(), i);
}

}  // namespace
}  // namespace dispatchctl::cli
