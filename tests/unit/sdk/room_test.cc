#include "call/room.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace dispatchctl::internal {
namespace {

TEST(Room, TellsOnlyWhenHalfOfItIsFreeAgain) {
  Room room(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(room.TryTake());
  EXPECT_FALSE(room.TryTake());
  EXPECT_FALSE(room.GiveBack());
  EXPECT_TRUE(room.GiveBack());
  EXPECT_FALSE(room.GiveBack()) << "told twice for one wish";
  EXPECT_TRUE(room.TryTake());
}

TEST(Room, TellsNobodyWhoHasNotAsked) {
  Room room(2);
  EXPECT_TRUE(room.TryTake());
  EXPECT_FALSE(room.GiveBack());
}

TEST(Room, OfOneGoesBackAndForth) {
  Room room(1);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(room.TryTake());
    ASSERT_FALSE(room.TryTake());
    ASSERT_TRUE(room.GiveBack());
  }
}

TEST(Room, LetsAWaitingSubmitterGoWhenItCloses) {
  Room room(1);
  ASSERT_TRUE(room.Take());
  std::thread closer([&] { room.Close(); });
  EXPECT_FALSE(room.Take());
  closer.join();
}

TEST(Room, NeverLosesAWakeUp) {
  constexpr int kItems = 200000;
  Room room(3);
  std::atomic<int> handed_over{0};
  std::thread loop([&] {
    for (int given_back = 0; given_back < kItems; ++given_back) {
      while (handed_over.load() <= given_back) std::this_thread::yield();
      room.GiveBack();
    }
  });
  for (int i = 0; i < kItems; ++i) {
    ASSERT_TRUE(room.Take());
    handed_over.fetch_add(1);
  }
  loop.join();
}

TEST(Room, IsBoundedByCount) {
  Room room(2, 1000);
  EXPECT_TRUE(room.TryTake(1));
  EXPECT_TRUE(room.TryTake(1));
  EXPECT_FALSE(room.TryTake(1));
  EXPECT_TRUE(room.GiveBack(1)) << "half of it is free";
  EXPECT_TRUE(room.TryTake(1));
}

TEST(Room, IsBoundedByBytes) {
  Room room(100, 10);
  EXPECT_TRUE(room.TryTake(6));
  EXPECT_FALSE(room.TryTake(5));
  EXPECT_TRUE(room.TryTake(4));
  EXPECT_FALSE(room.TryTake(1));
  EXPECT_FALSE(room.GiveBack(4)) << "less than half of the bytes are free";
  EXPECT_TRUE(room.GiveBack(6));
  EXPECT_TRUE(room.TryTake(10)) << "all of it for one";
  EXPECT_FALSE(room.TryTake(1));
}

TEST(Room, CountsOnWhenItsSumsOverflow) {
  Room room(Room::kMostItems, Room::kMostBytes);
  // The bytes of all that passed through run over into the upper bits again and again.
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(room.TryTake(Room::kMostBytes)) << i;
    ASSERT_FALSE(room.TryTake(1)) << i;
    ASSERT_TRUE(room.GiveBack(Room::kMostBytes)) << i;
  }
}

TEST(Room, NeverHoldsMoreThanItsBoundsBetweenTwoThreads) {
  constexpr int kUpdates = 200'000;
  Room room(7, 100);
  std::atomic<int> updates{0};
  std::atomic<int> bytes{0};
  std::atomic<int> submitted{0};
  std::atomic<bool> bounds_kept{true};
  const auto size = [](int n) { return n * 7919 % 60; };
  std::thread submitter([&] {
    for (int i = 0; i < kUpdates; ++i) {
      if (!room.Take(static_cast<std::size_t>(size(i)))) return;
      if (updates.fetch_add(1) >= 7 || bytes.fetch_add(size(i)) + size(i) > 100) bounds_kept.store(false);
      submitted.fetch_add(1);
    }
  });
  for (int i = 0; i < kUpdates; ++i) {
    while (submitted.load() <= i) std::this_thread::yield();
    updates.fetch_sub(1);
    bytes.fetch_sub(size(i));
    room.GiveBack(static_cast<std::size_t>(size(i)));
  }
  submitter.join();
  EXPECT_TRUE(bounds_kept.load());
}

}  // namespace
}  // namespace dispatchctl::internal
