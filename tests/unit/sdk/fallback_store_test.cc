#include "call/fallback_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace dispatchctl::internal {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

CourierStatus Status(const std::string& id, const std::string& zone = "zone-1") {
  return {id, "bike", "available", zone};
}

class FallbackStoreTest : public testing::Test {
 protected:
  bool Knows(FallbackStore& store, std::string_view id) { return store.Get(id, hours(1)).has_value(); }

  MemoryFallbackStore::Time now_{hours(1000)};
  MemoryFallbackStore store_{3, [this] { return now_; }};
};

TEST(MayFallBack, StandsInForTroubleButNeverForAnAnswer) {
  for (int number = 0; number <= 17; ++number) {
    const auto code = static_cast<absl::StatusCode>(number);
    const bool trouble = number == 14 || number == 4 || number == 8 || number == 10;
    EXPECT_EQ(MayFallBack(absl::Status(code, "")), trouble) << number;
  }
}

TEST_F(FallbackStoreTest, GivesBackWhatWasPutWithItsAge) {
  store_.Put(Status("courier-1"));
  now_ += milliseconds(250);
  const std::optional<StaleStatus> stale = store_.Get("courier-1", seconds(1));
  ASSERT_TRUE(stale.has_value());
  EXPECT_EQ(stale->status, Status("courier-1"));
  EXPECT_EQ(stale->age, milliseconds(250));
  EXPECT_FALSE(Knows(store_, "courier-2"));
}

TEST_F(FallbackStoreTest, GivesNothingThatIsTooOldAndKeepsItForWhoTakesOlder) {
  store_.Put(Status("courier-1"));
  now_ += seconds(1);
  EXPECT_TRUE(store_.Get("courier-1", seconds(1)).has_value()) << "not older than a second";
  now_ += nanoseconds(1);
  EXPECT_FALSE(store_.Get("courier-1", seconds(1)).has_value());
  EXPECT_TRUE(store_.Get("courier-1", seconds(2)).has_value());
}

TEST_F(FallbackStoreTest, KnowsTheLastStatusAndWhenItCame) {
  store_.Put(Status("courier-1", "zone-1"));
  now_ += seconds(5);
  store_.Put(Status("courier-1", "zone-2"));
  now_ += seconds(1);
  const std::optional<StaleStatus> stale = store_.Get("courier-1", hours(1));
  ASSERT_TRUE(stale.has_value());
  EXPECT_EQ(stale->status.current_zone, "zone-2");
  EXPECT_EQ(stale->age, seconds(1));
}

TEST_F(FallbackStoreTest, ForgetsTheOldestPutOnceItIsFull) {
  for (const char* id : {"a", "b", "c"}) store_.Put(Status(id));
  store_.Put(Status("a"));
  EXPECT_TRUE(Knows(store_, "b")) << "to be asked for keeps nothing";
  store_.Put(Status("d"));
  EXPECT_FALSE(Knows(store_, "b"));
  EXPECT_TRUE(Knows(store_, "a"));
  EXPECT_TRUE(Knows(store_, "c"));
  EXPECT_TRUE(Knows(store_, "d"));
  store_.Put(Status("e"));
  EXPECT_FALSE(Knows(store_, "c"));
}

TEST_F(FallbackStoreTest, ForgetsWhoIsRemoved) {
  store_.Put(Status("a"));
  store_.Put(Status("b"));
  store_.Remove("a");
  store_.Remove("never-put");
  EXPECT_FALSE(Knows(store_, "a"));
  EXPECT_TRUE(Knows(store_, "b"));
  for (const char* id : {"c", "d"}) store_.Put(Status(id));
  EXPECT_TRUE(Knows(store_, "b")) << "the one removed makes room";
  store_.Put(Status("a"));
  EXPECT_TRUE(Knows(store_, "a"));
}

TEST_F(FallbackStoreTest, HoldsOneWithoutACapacity) {
  MemoryFallbackStore store(0, [this] { return now_; });
  store.Put(Status("a"));
  EXPECT_TRUE(Knows(store, "a"));
  store.Put(Status("b"));
  EXPECT_FALSE(Knows(store, "a"));
  EXPECT_TRUE(Knows(store, "b"));
}

TEST_F(FallbackStoreTest, TakesWhatWasPutMeanwhileForNew) {
  store_.Put(Status("a"));
  now_ -= milliseconds(1);
  EXPECT_EQ(store_.Get("a", nanoseconds(0))->age, nanoseconds(0));
}

TEST(MakeMemoryFallbackStore, F33RunsOnTheSteadyClock) {
  std::shared_ptr<FallbackStore> store = MakeMemoryFallbackStore(2);
  const auto before = std::chrono::steady_clock::now();
  store->Put(Status("a"));
  const std::optional<StaleStatus> stale = store->Get("a", hours(1));
  ASSERT_TRUE(stale.has_value());
  EXPECT_GE(stale->age, nanoseconds(0));
  EXPECT_LE(stale->age, std::chrono::steady_clock::now() - before);
}

TEST(MakeMemoryFallbackStore, ServesSixteenThreads) {
  constexpr std::size_t kCapacity = 64;
  std::shared_ptr<FallbackStore> store = MakeMemoryFallbackStore(kCapacity);
  std::atomic<int> torn{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 3000; ++i) {
        const std::string id = "courier-" + std::to_string((i * 7 + t) % 100);
        store->Put(Status(id, "zone of " + id));
        if (i % 50 == 0) store->Remove(id);
        const std::string other = "courier-" + std::to_string(i % 100);
        const std::optional<StaleStatus> stale = store->Get(other, hours(1));
        if (stale && !(stale->status == Status(other, "zone of " + other))) torn.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(torn.load(), 0);
  std::size_t known = 0;
  for (int i = 0; i < 100; ++i)
    known += store->Get("courier-" + std::to_string(i), hours(1)).has_value() ? 1U : 0U;
  EXPECT_LE(known, kCapacity);
  EXPECT_GT(known, kCapacity / 2);
}

}  // namespace
}  // namespace dispatchctl::internal
