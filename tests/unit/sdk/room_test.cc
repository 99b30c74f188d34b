#include "call/room.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace dispatchctl::internal
