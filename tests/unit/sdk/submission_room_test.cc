#include "stream/submission_room.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <random>
#include <string>
#include <thread>

namespace dispatchctl::internal {
namespace {

TEST(EncodedSize, CountsWhatTheContractsEncodingTakes) {
  EXPECT_EQ(EncodedSize({"", "", ""}), 0U);
  EXPECT_EQ(EncodedSize({"a", "", ""}), 3U);
  EXPECT_EQ(EncodedSize({"a", "bc", "def"}), 3U + 4U + 5U);
  EXPECT_EQ(EncodedSize({std::string(127, 'a'), "", ""}), 129U);
  EXPECT_EQ(EncodedSize({std::string(128, 'a'), "", ""}), 131U);
  EXPECT_EQ(EncodedSize({std::string(16384, 'a'), "", ""}), 16388U);
}

TEST(SubmissionRoom, IsBoundedByCount) {
  SubmissionRoom room(2, 1000);
  EXPECT_TRUE(room.TryTake(1));
  EXPECT_TRUE(room.TryTake(1));
  EXPECT_FALSE(room.TryTake(1));
  EXPECT_TRUE(room.GiveBack(1)) << "half of it is free";
  EXPECT_TRUE(room.TryTake(1));
}

TEST(SubmissionRoom, IsBoundedByBytes) {
  SubmissionRoom room(100, 10);
  EXPECT_TRUE(room.TryTake(6));
  EXPECT_FALSE(room.TryTake(5));
  EXPECT_TRUE(room.TryTake(4));
  EXPECT_FALSE(room.TryTake(1));
  EXPECT_FALSE(room.GiveBack(4)) << "less than half of the bytes are free";
  EXPECT_TRUE(room.GiveBack(6));
  EXPECT_TRUE(room.TryTake(10)) << "all of it for one";
  EXPECT_FALSE(room.TryTake(1));
}

TEST(SubmissionRoom, TellsOnceAndOnlyWhomItTurnedAway) {
  SubmissionRoom room(2, 1000);
  ASSERT_TRUE(room.TryTake(1));
  EXPECT_FALSE(room.GiveBack(1)) << "nobody was turned away";
  ASSERT_TRUE(room.TryTake(1));
  ASSERT_TRUE(room.TryTake(1));
  ASSERT_FALSE(room.TryTake(1));
  EXPECT_TRUE(room.GiveBack(1));
  EXPECT_FALSE(room.GiveBack(1));
}

TEST(SubmissionRoom, CountsOnWhenItsSumsOverflow) {
  SubmissionRoom room(SubmissionRoom::kMostUpdates, SubmissionRoom::kMostBytes);
  // The bytes of all that passed through run over into the upper bits again and again.
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(room.TryTake(SubmissionRoom::kMostBytes)) << i;
    ASSERT_FALSE(room.TryTake(1)) << i;
    ASSERT_TRUE(room.GiveBack(SubmissionRoom::kMostBytes)) << i;
  }
}

TEST(SubmissionRoom, NeverHoldsMoreThanItsBoundsBetweenTwoThreads) {
  constexpr int kUpdates = 200'000;
  SubmissionRoom room(7, 100);
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

TEST(SubmissionRoom, LetsNobodyWaitOnceItIsClosed) {
  SubmissionRoom room(1, 1000);
  ASSERT_TRUE(room.Take(1));
  std::thread closer([&] { room.Close(); });
  EXPECT_FALSE(room.Take(1));
  closer.join();
}

}  // namespace
}  // namespace dispatchctl::internal
