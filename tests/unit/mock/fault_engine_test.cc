#include "mock-server/faults/fault_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace dispatchctl::mock {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<FaultRule> Rules(const std::vector<std::string>& specs) {
  std::vector<FaultRule> rules;
  for (const std::string& spec : specs) {
    const absl::StatusOr<FaultRule> rule = ParseFault(spec);
    EXPECT_TRUE(rule.ok()) << rule.status();
    if (rule.ok()) rules.push_back(*rule);
  }
  return rules;
}

class FaultEngineTest : public testing::Test {
 protected:
  void Set(const std::vector<std::string>& specs) { engine_.Set(Rules(specs)); }

  // Which of so many lookups, from 1, meet a fault.
  std::vector<int> Hits(int lookups, std::size_t listen = 0, std::string_view courier = "courier-42") {
    std::vector<int> hits;
    for (int i = 1; i <= lookups; ++i) {
      if (engine_.OnLookup(listen, courier) != nullptr) hits.push_back(i);
    }
    return hits;
  }

  // Which of the next updates of the stream, from 1, meet a fault.
  static std::vector<int> Hits(FaultEngine::Stream& stream, int updates) {
    std::vector<int> hits;
    for (int i = 1; i <= updates; ++i) {
      const std::string id = "a-" + std::to_string(i);
      if (stream.OnUpdate({id, "courier-42", "zone-7", static_cast<std::uint64_t>(i)}) != nullptr)
        hits.push_back(i);
    }
    return hits;
  }

  FaultEngine engine_{7};
};

TEST_F(FaultEngineTest, DoesNothingWithoutRules) {
  EXPECT_FALSE(engine_.active());
  EXPECT_EQ(engine_.OnLookup(0, "courier-42"), nullptr);
  FaultEngine::Stream stream(&engine_, 0);
  EXPECT_EQ(stream.OnStart(), nullptr);
  EXPECT_EQ(stream.OnUpdate({"a", "c", "z", 1}), nullptr);
  EXPECT_THAT(engine_.Counts(), IsEmpty());
}

TEST_F(FaultEngineTest, MeetsEveryCallByDefault) {
  Set({"hang"});
  EXPECT_TRUE(engine_.active());
  EXPECT_THAT(Hits(3), ElementsAre(1, 2, 3));
  engine_.Set({});
  EXPECT_FALSE(engine_.active());
  EXPECT_THAT(Hits(3), IsEmpty());
}

TEST_F(FaultEngineTest, CountsAfterThenEveryThenFirst) {
  Set({"hang,every=3"});
  EXPECT_THAT(Hits(10), ElementsAre(3, 6, 9));
  Set({"hang,first=2"});
  EXPECT_THAT(Hits(10), ElementsAre(1, 2));
  Set({"hang,after=8"});
  EXPECT_THAT(Hits(10), ElementsAre(9, 10));
  Set({"hang,after=2,every=2,first=2"});
  EXPECT_THAT(Hits(10), ElementsAre(4, 6));
}

TEST_F(FaultEngineTest, SelectsTheNthCall) {
  Set({"hang,nth=4"});
  EXPECT_THAT(Hits(10), ElementsAre(4));
}

TEST_F(FaultEngineTest, SelectsTheBackendAndCountsItsCallsOnly) {
  Set({"hang,listen=1,nth=2"});
  EXPECT_THAT(Hits(5, 0), IsEmpty());
  EXPECT_THAT(Hits(5, 1), ElementsAre(2));
}

TEST_F(FaultEngineTest, SelectsCouriersByGlob) {
  Set({"hang,courier_id=courier-4*"});
  EXPECT_THAT(Hits(1, 0, "courier-4"), ElementsAre(1));
  EXPECT_THAT(Hits(1, 0, "courier-42"), ElementsAre(1));
  EXPECT_THAT(Hits(1, 0, "courier-5"), IsEmpty());
  Set({"hang,courier_id=courier-42"});
  EXPECT_THAT(Hits(1, 0, "courier-421"), IsEmpty());
  Set({"hang,courier_id=*/[ab]?"});
  EXPECT_THAT(Hits(1, 0, "depot/b1"), ElementsAre(1));
  EXPECT_THAT(Hits(1, 0, "depot/c1"), IsEmpty());
}

TEST_F(FaultEngineTest, SelectsTheMethod) {
  Set({"hang,method=assign"});
  EXPECT_THAT(Hits(1), IsEmpty());
  EXPECT_NE(FaultEngine::Stream(&engine_, 0).OnStart(), nullptr);
  Set({"hang,method=lookup"});
  EXPECT_THAT(Hits(1), ElementsAre(1));
  EXPECT_EQ(FaultEngine::Stream(&engine_, 0).OnStart(), nullptr);
}

TEST_F(FaultEngineTest, DrawsTheSameFromTheSameSeed) {
  const auto draw = [](std::uint64_t seed) {
    FaultEngine engine(seed);
    engine.Set(Rules({"hang,prob=0.3"}));
    std::vector<bool> drawn;
    for (int i = 0; i < 1000; ++i) drawn.push_back(engine.OnLookup(0, "c") != nullptr);
    return drawn;
  };
  const std::vector<bool> drawn = draw(7);
  EXPECT_EQ(drawn, draw(7));
  EXPECT_NE(drawn, draw(8));
  // Six standard deviations.
  EXPECT_NEAR(static_cast<double>(std::count(drawn.begin(), drawn.end(), true)), 300, 87);
}

TEST_F(FaultEngineTest, StartsChanceAndCountersAnewWhenRulesAreSet) {
  Set({"hang,prob=0.5"});
  const std::vector<int> first = Hits(100);
  EXPECT_NE(Hits(100), first);
  Set({"hang,prob=0.5"});
  EXPECT_EQ(Hits(100), first);
}

TEST_F(FaultEngineTest, NeverAndAlwaysAreCertain) {
  Set({"hang,prob=0"});
  EXPECT_THAT(Hits(1000), IsEmpty());
  Set({"hang,prob=1"});
  EXPECT_EQ(Hits(1000).size(), 1000U);
}

TEST_F(FaultEngineTest, LimitsHowManyAreUnderIt) {
  Set({"hang,max=2"});
  auto first = engine_.OnLookup(0, "c");
  auto second = engine_.OnLookup(0, "c");
  EXPECT_NE(second, nullptr);
  EXPECT_EQ(engine_.OnLookup(0, "c"), nullptr);
  EXPECT_EQ(engine_.Counts()[0].under_way, 2U);
  first.reset();
  const auto third = engine_.OnLookup(0, "c");
  EXPECT_NE(third, nullptr);
  EXPECT_EQ(engine_.OnLookup(0, "c"), nullptr);
}

TEST_F(FaultEngineTest, SurvivesWhatIsUnderARuleThatIsGone) {
  Set({"hang,max=1"});
  const auto held = engine_.OnLookup(0, "c");
  engine_.Set({});
  Set({"hang,max=1"});
  EXPECT_EQ(engine_.Counts()[0].under_way, 0U);
  EXPECT_THAT(Hits(1), ElementsAre(1));
}

TEST_F(FaultEngineTest, TellsHowOftenEachRuleWasMet) {
  Set({"latency=1ms,every=2", "hang,listen=1"});
  Hits(5);
  const std::vector<FaultCount> counts = engine_.Counts();
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0].spec, "latency=1ms,every=2");
  EXPECT_EQ(counts[0].matched, 5U);
  EXPECT_EQ(counts[0].fired, 2U);
  EXPECT_EQ(counts[0].under_way, 0U);
  EXPECT_EQ(counts[1].matched, 0U);
}

TEST_F(FaultEngineTest, PutsRulesTogether) {
  Set({"latency=5ms", "latency=2ms", "big-message=10", "big-message=20", "headers=7", "bad-utf8", "bad-bytes",
       "status=ABORTED,pushback=-1", "status=UNKNOWN,message=second"});
  const auto faults = engine_.OnLookup(0, "c");
  ASSERT_NE(faults, nullptr);
  EXPECT_EQ(faults->latency, milliseconds(7));
  EXPECT_EQ(faults->message_bytes, 30U);
  EXPECT_EQ(faults->header_bytes, 7U);
  EXPECT_EQ(faults->corruption, Corruption::kBadUtf8);
  ASSERT_TRUE(faults->ending.has_value());
  EXPECT_EQ(faults->ending->code, absl::StatusCode::kAborted);
  EXPECT_EQ(faults->ending->message, "fault 'status=ABORTED,pushback=-1'");
  EXPECT_EQ(faults->ending->pushback, "-1");
  EXPECT_FALSE(faults->hang);
}

TEST_F(FaultEngineTest, EndsAStreamAtTheEarliest) {
  Set({"close-after=100:ABORTED", "clean-close-after=10", "close-after=50:UNKNOWN"});
  const auto faults = FaultEngine::Stream(&engine_, 0).OnStart();
  ASSERT_NE(faults, nullptr);
  EXPECT_EQ(faults->ending->after, 10U);
  EXPECT_EQ(faults->ending->code, absl::StatusCode::kOk);
}

TEST_F(FaultEngineTest, CountsStreamsForFaultsOfAWholeStream) {
  Set({"slow-read=5,every=2"});
  FaultEngine::Stream first(&engine_, 0);
  EXPECT_EQ(first.OnStart(), nullptr);
  EXPECT_THAT(Hits(first, 5), IsEmpty());
  const auto faults = FaultEngine::Stream(&engine_, 0).OnStart();
  ASSERT_NE(faults, nullptr);
  EXPECT_EQ(faults->read_limit, 5U);
}

TEST_F(FaultEngineTest, CountsEveryNthResultByStream) {
  Set({"duplicate=3"});
  FaultEngine::Stream first(&engine_, 0);
  FaultEngine::Stream second(&engine_, 0);
  EXPECT_THAT(Hits(first, 4), ElementsAre(3));
  EXPECT_THAT(Hits(second, 7), ElementsAre(3, 6));
  EXPECT_THAT(Hits(first, 2), ElementsAre(2));
}

TEST_F(FaultEngineTest, CountsEveryNthOfThoseSelected) {
  Set({"drop-result=2,assignment_id=a-[135]"});
  FaultEngine::Stream stream(&engine_, 0);
  EXPECT_THAT(Hits(stream, 6), ElementsAre(3));
}

TEST_F(FaultEngineTest, SelectsUpdates) {
  FaultEngine::Stream stream(&engine_, 0);
  Set({"hang,nth-message=3"});
  EXPECT_THAT(Hits(stream, 5), ElementsAre(3));
  Set({"hang,zone=zone-8"});
  EXPECT_THAT(Hits(stream, 5), IsEmpty());
  Set({"hang,zone=zone-?"});
  EXPECT_THAT(Hits(stream, 2), ElementsAre(1, 2));
  Set({"hang,assignment_id=a-4"});
  EXPECT_THAT(Hits(stream, 5), ElementsAre(4));
  Set({"latency=1ms,courier_id=courier-43"});
  EXPECT_THAT(Hits(stream, 5), IsEmpty());
}

TEST_F(FaultEngineTest, SelectsTheNthStreamsUpdates) {
  Set({"latency=1ms,nth=2,listen=0"});
  FaultEngine::Stream elsewhere(&engine_, 1);
  FaultEngine::Stream first(&engine_, 0);
  FaultEngine::Stream second(&engine_, 0);
  EXPECT_THAT(Hits(elsewhere, 2), IsEmpty());
  EXPECT_THAT(Hits(first, 2), IsEmpty());
  EXPECT_THAT(Hits(second, 2), ElementsAre(1, 2));
  EXPECT_THAT(Hits(first, 2), IsEmpty());
}

TEST_F(FaultEngineTest, NamesEachUnknownIdAnew) {
  Set({"unknown-id=1"});
  FaultEngine::Stream first(&engine_, 0);
  FaultEngine::Stream second(&engine_, 0);
  EXPECT_EQ(first.OnUpdate({"a", "c", "z", 1})->unknown_id, "mock-unknown-1");
  EXPECT_EQ(second.OnUpdate({"a", "c", "z", 1})->unknown_id, "mock-unknown-2");
}

TEST_F(FaultEngineTest, TakesTheLeastForAConnection) {
  Set({"tcp-reset-after=5KiB", "tcp-reset-after=2KiB", "drip=10B/s", "drip=20B/s", "goaway-after=7",
       "goaway-after=3", "blackhole-after=9", "bad-bytes-after=8", "refuse,listen=1"});
  const auto faults = engine_.OnConnection(0);
  ASSERT_NE(faults, nullptr);
  EXPECT_EQ(faults->reset_after, 2048U);
  EXPECT_EQ(faults->drip, 10U);
  EXPECT_EQ(faults->goaway_after, 3U);
  EXPECT_EQ(faults->blackhole_after, 9U);
  EXPECT_EQ(faults->bad_bytes_after, 8U);
  EXPECT_FALSE(faults->refuse);
  EXPECT_TRUE(engine_.OnConnection(1)->refuse);
  EXPECT_EQ(engine_.OnLookup(0, "c"), nullptr);
}

TEST_F(FaultEngineTest, CountsConnections) {
  Set({"blackhole,nth=2", "drip=1B/s,after=3"});
  EXPECT_EQ(engine_.OnConnection(0), nullptr);
  EXPECT_TRUE(engine_.OnConnection(0)->blackhole_after.has_value());
  EXPECT_EQ(engine_.OnConnection(0), nullptr);
  EXPECT_TRUE(engine_.OnConnection(0)->drip.has_value());
}

TEST_F(FaultEngineTest, RefusesConnectionsWithoutAskingWhenAllAreMet) {
  EXPECT_FALSE(engine_.RefusesConnections(0));
  Set({"refuse,listen=1"});
  EXPECT_FALSE(engine_.RefusesConnections(0));
  EXPECT_TRUE(engine_.RefusesConnections(1));
  Set({"refuse,after=1"});
  EXPECT_FALSE(engine_.RefusesConnections(0));
  EXPECT_EQ(engine_.OnConnection(0), nullptr);
  EXPECT_TRUE(engine_.RefusesConnections(0));
  for (const char* counted :
       {"refuse,first=2", "refuse,every=2", "refuse,prob=0.5", "refuse,nth=1", "refuse,max=1"}) {
    Set({counted});
    EXPECT_FALSE(engine_.RefusesConnections(0)) << counted;
  }
}

TEST_F(FaultEngineTest, MayBeAskedAndSetFromSeveralThreads) {
  Set({"hang,first=1000,max=2", "drop-result=2"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      FaultEngine::Stream stream(&engine_, 0);
      for (int i = 0; i < 2000; ++i) {
        engine_.OnLookup(0, "c");
        stream.OnUpdate({"a", "c", "z", 1});
        if (t == 0 && i % 100 == 0) Set({"hang,first=1000,max=2", "drop-result=2"});
        if (t == 1) engine_.Counts();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Set({"hang,first=1000,max=4"});
  threads.clear();
  std::atomic<int> hits{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) hits += engine_.OnLookup(0, "c") != nullptr ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(hits, 1000);
  EXPECT_EQ(engine_.Counts()[0].matched, 4000U);
}

TEST_F(FaultEngineTest, AddsRulesBehindThoseThereAre) {
  Set({"status=ABORTED,every=2,method=lookup"});
  EXPECT_THAT(Hits(1), IsEmpty());
  FaultEngine::Stream stream(&engine_, 0);
  EXPECT_EQ(stream.OnStart(), nullptr);
  engine_.Add({*ParseFault("latency=1ms,nth=2"), *ParseFault("drop-result=1,method=assign,nth=1")});
  // The first one goes on counting, and the new ones begin.
  EXPECT_THAT(Hits(4), ElementsAre(1, 2, 3));
  EXPECT_THAT(Hits(stream, 2), ElementsAre(1, 2));
  ASSERT_THAT(engine_.Counts(), testing::SizeIs(3));
  EXPECT_EQ(engine_.Counts()[0].matched, 5U);
  EXPECT_EQ(engine_.Counts()[1].fired, 1U);
  engine_.Add({});
  EXPECT_THAT(engine_.Counts(), testing::SizeIs(3));
}

TEST_F(FaultEngineTest, CountsAStreamOnceForARuleThatStays) {
  Set({"drop-result=1,nth=2"});
  FaultEngine::Stream first(&engine_, 0);
  EXPECT_EQ(first.OnStart(), nullptr);
  engine_.Add({*ParseFault("hang,method=lookup")});
  EXPECT_THAT(Hits(first, 2), IsEmpty());
  FaultEngine::Stream second(&engine_, 0);
  EXPECT_EQ(second.OnStart(), nullptr);
  EXPECT_THAT(Hits(second, 2), ElementsAre(1, 2));
}

TEST_F(FaultEngineTest, AddsToWhatAnotherHasFound) {
  Set({"latency=2ms"});
  FaultEngine own(1);
  own.Set({*ParseFault("latency=3ms"), *ParseFault("status=ABORTED,nth-message=1")});
  EXPECT_EQ(own.OnLookup(0, "c", engine_.OnLookup(0, "c"))->latency, std::chrono::milliseconds(5));
  FaultEngine::Stream outer(&engine_, 0);
  FaultEngine::Stream inner(&own, 0);
  EXPECT_EQ(inner.OnStart(outer.OnStart()), nullptr);
  const auto faults = inner.OnUpdate({"a", "c", "z", 1}, outer.OnUpdate({"a", "c", "z", 1}));
  EXPECT_EQ(faults->latency, std::chrono::milliseconds(5));
  EXPECT_EQ(faults->ending->code, absl::StatusCode::kAborted);
  own.Set({});
  EXPECT_EQ(own.OnLookup(0, "c", engine_.OnLookup(0, "c"))->latency, std::chrono::milliseconds(2));
}

}  // namespace
}  // namespace dispatchctl::mock
