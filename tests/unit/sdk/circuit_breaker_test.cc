#include "endpoints/circuit_breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <limits>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace dispatchctl::internal {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Permit = CircuitBreaker::Permit;
using Time = CircuitBreaker::Time;

constexpr BreakerState kClosed = BreakerState::kClosed;
constexpr BreakerState kHalfOpen = BreakerState::kHalfOpen;
constexpr BreakerState kOpen = BreakerState::kOpen;

static_assert(!std::is_copy_constructible_v<Permit> && std::is_nothrow_move_constructible_v<Permit>);
static_assert(std::is_same_v<decltype(BreakerCounts::requests), std::uint64_t>, "P5");

double Middle() {
  return 0.5;
}

// gobreaker's own defaults, which its tests are written for.
CircuitBreakerOptions Gobreaker() {
  CircuitBreakerOptions options;
  options.half_open_requests = 0;
  options.window = 0s;
  options.bucket = 0s;
  options.open_timeout = 0s;
  options.open_timeout_jitter = 0;
  options.ready_to_trip = [](const BreakerCounts& counts) { return counts.consecutive_failures > 5; };
  return options;
}

// The options of gobreaker's tests that are called custom: a ratio of what is not excluded.
CircuitBreakerOptions Custom() {
  CircuitBreakerOptions options = Gobreaker();
  options.half_open_requests = 3;
  options.window = 30s;
  options.open_timeout = 90s;
  options.ready_to_trip = [](const BreakerCounts& counts) {
    const std::uint64_t valid = counts.requests - counts.exclusions;
    return valid >= 3 && static_cast<double>(counts.failures) >= 0.6 * static_cast<double>(valid);
  };
  return options;
}

CircuitBreakerOptions Rolling() {
  CircuitBreakerOptions options = Custom();
  options.bucket = 3s;
  return options;
}

CircuitBreakerOptions NeverTrips(CircuitBreakerOptions options) {
  options.ready_to_trip = [](const BreakerCounts&) { return false; };
  return options;
}

BreakerCounts Counts(std::uint64_t requests, std::uint64_t successes, std::uint64_t failures,
                     std::uint64_t exclusions, std::uint64_t success_streak, std::uint64_t failure_streak) {
  BreakerCounts counts;
  counts.requests = requests;
  counts.successes = successes;
  counts.failures = failures;
  counts.exclusions = exclusions;
  counts.consecutive_successes = success_streak;
  counts.consecutive_failures = failure_streak;
  return counts;
}

// A breaker and the time that it is told.
class Bench {
 public:
  explicit Bench(const CircuitBreakerOptions& options, std::function<double()> random = Middle)
      : breaker_(options, now_, std::move(random), [this](BreakerState from, BreakerState to) {
          changes_.emplace_back(BreakerStateName(from), BreakerStateName(to));
        }) {}

  CircuitBreaker* operator->() { return &breaker_; }
  Time now() const { return now_; }
  void Pass(nanoseconds time) { now_ += time; }

  Permit Admit(Time lease_until = Time::max()) { return breaker_.Admit(now_, lease_until); }
  Refusal Refused() { return Admit().refusal(); }
  BreakerState state() { return breaker_.state(now_); }

  // One call, admitted and ended now; false when it was refused.
  bool Call(Verdict verdict) {
    Permit permit = Admit();
    permit.Done(verdict, now_);
    return static_cast<bool>(permit);
  }
  void Calls(int times, Verdict verdict) {
    for (int i = 0; i < times; ++i) ASSERT_TRUE(Call(verdict));
  }
  void Succeed(int times = 1) { Calls(times, Verdict::kSuccess); }
  void Fail(int times = 1) { Calls(times, Verdict::kFailure); }
  void Exclude(int times = 1) { Calls(times, Verdict::kExcluded); }

  std::vector<std::pair<std::string, std::string>> TakeChanges() { return std::exchange(changes_, {}); }

 private:
  Time now_{1h};
  std::vector<std::pair<std::string, std::string>> changes_;
  CircuitBreaker breaker_;
};

// B1; gobreaker: TestStateConstants.
TEST(CircuitBreaker, StatesAreNumberedAndNamedAsInGobreaker) {
  EXPECT_EQ(static_cast<int>(kClosed), 0);
  EXPECT_EQ(static_cast<int>(kHalfOpen), 1);
  EXPECT_EQ(static_cast<int>(kOpen), 2);
  EXPECT_EQ(BreakerStateName(kClosed), "closed");
  EXPECT_EQ(BreakerStateName(kHalfOpen), "half-open");
  EXPECT_EQ(BreakerStateName(kOpen), "open");
  EXPECT_EQ(BreakerStateName(static_cast<BreakerState>(100)), "unknown state: 100");
}

// B6; gobreaker: TestNewCircuitBreaker.
TEST(CircuitBreaker, StartsClosedWithNothingCounted) {
  for (const CircuitBreakerOptions& options : {Gobreaker(), Custom(), Rolling(), CircuitBreakerOptions{}}) {
    Bench bench(options);
    EXPECT_EQ(bench->Peek(bench.now()), kClosed);
    EXPECT_EQ(bench.state(), kClosed);
    EXPECT_EQ(bench->counts(), BreakerCounts{});
    EXPECT_EQ(bench->rejections(), 0U);
    EXPECT_TRUE(bench->WouldAdmit(bench.now()));
    EXPECT_THAT(bench.TakeChanges(), IsEmpty());
  }
}

// B6: the first window starts with the breaker, not with the first call.
TEST(CircuitBreaker, FirstWindowStartsWithTheBreaker) {
  Bench bench(NeverTrips(Custom()));
  bench.Pass(20s);
  bench.Succeed();
  bench.Pass(10s + 1ns);
  bench.Succeed();
  EXPECT_EQ(bench->counts().requests, 1U);
}

// The design's defaults: at most two probes; at least 10 requests of which half have failed; 10 s in steps of
// 1 s.
TEST(CircuitBreaker, ByDefaultTripsAtTenRequestsOfWhichHalfHaveFailed) {
  Bench bench(CircuitBreakerOptions{});
  bench.Fail(9);
  EXPECT_EQ(bench.state(), kClosed);
  bench.Fail();
  EXPECT_EQ(bench.state(), kOpen);

  Bench mixed(CircuitBreakerOptions{});
  mixed.Succeed(6);
  mixed.Fail(5);
  EXPECT_EQ(mixed.state(), kClosed) << "5 of 11";
  mixed.Fail();
  EXPECT_EQ(mixed.state(), kOpen) << "6 of 12";

  Bench excluding(CircuitBreakerOptions{});
  excluding.Exclude(20);
  excluding.Fail(9);
  EXPECT_EQ(excluding.state(), kClosed) << "exclusions are no requests";
  excluding.Fail();
  EXPECT_EQ(excluding.state(), kOpen);

  Bench under_way(CircuitBreakerOptions{});
  std::vector<Permit> permits;
  for (int i = 0; i < 11; ++i) permits.push_back(under_way.Admit());
  under_way.Fail(10);
  EXPECT_EQ(under_way.state(), kClosed) << "10 of 21: what is under way has not failed";
  under_way.Fail();
  EXPECT_EQ(under_way.state(), kOpen);
}

TEST(CircuitBreaker, ByDefaultTwoProbesCloseIt) {
  Bench bench(CircuitBreakerOptions{});
  bench.Fail(10);
  bench.Pass(2s + 1ns);
  Permit first = bench.Admit();
  Permit second = bench.Admit();
  EXPECT_TRUE(first && second);
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  first.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench.state(), kHalfOpen);
  second.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench.state(), kClosed);
}

TEST(CircuitBreaker, ByDefaultForgetsWhatIsTenSecondsOld) {
  Bench bench(CircuitBreakerOptions{});
  bench.Fail(9);
  bench.Pass(10s - 1ns);
  bench.Exclude();
  EXPECT_EQ(bench->counts().failures, 9U);
  bench.Pass(1ns);
  bench.Fail(9);
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts().failures, 9U);
}

// B2, B3; gobreaker: TestNewCircuitBreaker (negative durations).
TEST(CircuitBreaker, TakesAUsableValueForAnUnusableOption) {
  CircuitBreakerOptions options = Gobreaker();
  options.window = -30s;
  options.bucket = -3s;
  options.open_timeout = -90s;
  Bench bench(options);
  bench.Fail(5);
  bench.Pass(240h);
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts().failures, 5U) << "a window that never ends";
  bench.Fail();
  EXPECT_EQ(bench.state(), kOpen);
  bench.Pass(60s);
  EXPECT_EQ(bench.state(), kOpen) << "60 s by default";
  bench.Pass(1ns);
  EXPECT_EQ(bench.state(), kHalfOpen);
  Permit probe = bench.Admit();
  EXPECT_TRUE(probe);
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests) << "one probe where none is asked for";
}

// B4; gobreaker: TestNewCircuitBreaker (30 s in steps of 3 s).
TEST(CircuitBreaker, RoundsTheWindowUpToAMultipleOfTheBucket) {
  struct Case {
    nanoseconds window;
    nanoseconds bucket;
    nanoseconds kept_for;
  };
  for (const Case& c :
       {Case{30s, 3s, 30s}, Case{10s, 3s, 12s}, Case{10s, 9s, 18s}, Case{9s + 1ns, 3s, 12s}}) {
    CircuitBreakerOptions options = NeverTrips(Gobreaker());
    options.window = c.window;
    options.bucket = c.bucket;
    Bench bench(options);
    bench.Fail();
    bench.Pass(c.kept_for - 1ns);
    bench.state();
    EXPECT_EQ(bench->counts().failures, 1U) << c.window.count();
    bench.Pass(1ns);
    bench.state();
    EXPECT_EQ(bench->counts().failures, 0U) << c.window.count();
  }
}

// B4: one bucket is a fixed window, which still holds at its end.
TEST(CircuitBreaker, ABucketAsLongAsTheWindowMakesAFixedOne) {
  for (const nanoseconds bucket : {nanoseconds(0s), nanoseconds(5s), nanoseconds(10s), nanoseconds(12s)}) {
    CircuitBreakerOptions options = NeverTrips(Gobreaker());
    options.window = 10s;
    options.bucket = bucket;
    Bench bench(options);
    bench.Pass(6s);
    bench.Fail();
    bench.Pass(std::max<nanoseconds>(10s, bucket) - 6s);
    bench.state();
    EXPECT_EQ(bench->counts().failures, 1U);
    bench.Pass(1ns);
    bench.state();
    EXPECT_EQ(bench->counts().failures, bucket == 5s ? 1U : 0U) << bucket.count();
  }
}

TEST(CircuitBreaker, KeepsTheNumberOfBucketsInBounds) {
  CircuitBreakerOptions options = NeverTrips(Gobreaker());
  options.window = nanoseconds::max();
  options.bucket = 1ns;
  Bench bench(options);
  bench.Fail();
  bench.Pass(24h * 365);
  bench.Fail();
  EXPECT_EQ(bench->counts().failures, 2U);
}

TEST(CircuitBreaker, TakesTheLongestTimes) {
  CircuitBreakerOptions options = Gobreaker();
  options.window = nanoseconds::max();
  options.open_timeout = nanoseconds::max();
  options.open_timeout_jitter = 1;
  Bench bench(options, [] { return 0.999; });
  bench.Fail(6);
  bench.Pass(24h * 365 * 100);
  EXPECT_EQ(bench.state(), kOpen);
}

// B5, B16, B18, B19, B20, B23, B24; gobreaker: TestDefaultCircuitBreaker.
TEST(CircuitBreaker, OpensAtTheSixthFailureInARowAndClosesAfterAProbe) {
  Bench bench(Gobreaker());
  bench.Fail(5);
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts(), Counts(5, 0, 5, 0, 0, 5));

  bench.Succeed();
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts(), Counts(6, 1, 5, 0, 1, 0));

  bench.Fail();
  EXPECT_EQ(bench->counts(), Counts(7, 1, 6, 0, 0, 1));

  bench.Fail(5);
  EXPECT_EQ(bench.state(), kOpen);
  EXPECT_EQ(bench->counts(), BreakerCounts{});

  EXPECT_FALSE(bench.Call(Verdict::kSuccess));
  EXPECT_FALSE(bench.Call(Verdict::kFailure));
  EXPECT_EQ(bench->counts(), BreakerCounts{});

  bench.Pass(60s - 1ms);
  EXPECT_EQ(bench.state(), kOpen);
  bench.Pass(1ms + 1ns);
  EXPECT_EQ(bench.state(), kHalfOpen);
  bench.Fail();
  EXPECT_EQ(bench.state(), kOpen);
  EXPECT_EQ(bench->counts(), BreakerCounts{});

  bench.Pass(60s + 1ns);
  EXPECT_EQ(bench.state(), kHalfOpen);
  bench.Succeed();
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts(), BreakerCounts{});
  EXPECT_THAT(bench.TakeChanges(),
              ElementsAre(Pair("closed", "open"), Pair("open", "half-open"), Pair("half-open", "open"),
                          Pair("open", "half-open"), Pair("half-open", "closed")));
}

// B11, B21, B22, B24, B25; gobreaker: TestCustomCircuitBreaker.
TEST(CircuitBreaker, OpensByRatioAndLimitsProbes) {
  Bench bench(Custom());
  for (int i = 0; i < 5; ++i) {
    bench.Succeed();
    bench.Fail();
  }
  bench.Exclude(3);
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts(), Counts(13, 5, 5, 3, 0, 1));

  bench.Pass(30s);
  bench.Succeed();
  EXPECT_EQ(bench->counts(), Counts(14, 6, 5, 3, 1, 0)) << "the window still holds at its end";
  bench.Pass(1ns);
  bench.Fail();
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts(), Counts(1, 0, 1, 0, 0, 1));

  bench.Succeed();
  bench.Fail();
  EXPECT_EQ(bench.state(), kOpen) << "2 of 3";
  EXPECT_EQ(bench->counts(), BreakerCounts{});
  EXPECT_THAT(bench.TakeChanges(), ElementsAre(Pair("closed", "open")));

  bench.Pass(90s + 1ns);
  EXPECT_EQ(bench.state(), kHalfOpen);
  EXPECT_THAT(bench.TakeChanges(), ElementsAre(Pair("open", "half-open")));

  bench.Exclude(4);
  EXPECT_EQ(bench.state(), kHalfOpen);
  EXPECT_EQ(bench->counts(), Counts(4, 0, 0, 4, 0, 0));

  bench.Succeed(2);
  EXPECT_EQ(bench->counts(), Counts(6, 2, 0, 4, 2, 0));
  Permit third = bench.Admit();
  ASSERT_TRUE(third);
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  EXPECT_EQ(bench.state(), kHalfOpen);
  EXPECT_EQ(bench->counts(), Counts(7, 2, 0, 4, 2, 0));
  third.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts(), BreakerCounts{});
  EXPECT_THAT(bench.TakeChanges(), ElementsAre(Pair("half-open", "closed")));
}

// B31 to B33; gobreaker: TestRollingWindowCircuitBreaker (trips at 14 failures of 23 that count).
TEST(CircuitBreaker, RollingWindowForgetsItsOldestBucket) {
  CircuitBreakerOptions options = Rolling();
  options.ready_to_trip = [](const BreakerCounts& counts) {
    const std::uint64_t valid = counts.requests - counts.exclusions;
    return valid >= 20 && static_cast<double>(counts.failures) >= 0.6 * static_cast<double>(valid);
  };
  Bench bench(options);
  for (int bucket = 0; bucket < 9; ++bucket) {  // one success and one failure in each
    bench.Succeed();
    bench.Fail();
    bench.Pass(3s);
  }
  bench.Exclude(2);
  EXPECT_EQ(bench->counts(), Counts(20, 9, 9, 2, 0, 1));
  bench.Pass(3s);
  bench.Fail();
  EXPECT_EQ(bench->counts(), Counts(19, 8, 9, 2, 0, 2)) << "the first bucket is out";
  bench.Succeed();
  bench.Fail(4);
  EXPECT_EQ(bench->counts(), Counts(24, 9, 13, 2, 0, 4)) << "13 of 22";
  EXPECT_EQ(bench.state(), kClosed);
  bench.Fail();
  EXPECT_EQ(bench.state(), kOpen) << "14 of 23";
  EXPECT_EQ(bench->counts(), BreakerCounts{});
}

// B7, B8, B9.
TEST(CircuitBreaker, MovesOnOnlyWhenTouchedAndOnlyAfterTheInstantOfExpiry) {
  Bench bench(Custom());
  bench.Fail(3);
  ASSERT_EQ(bench.state(), kOpen);
  bench.TakeChanges();
  bench.Pass(90s);
  EXPECT_EQ(bench.state(), kOpen) << "at the very instant it is still open";
  EXPECT_EQ(bench.Refused(), Refusal::kOpen);
  bench.Pass(1ns);
  EXPECT_EQ(bench->Peek(bench.now()), kHalfOpen);
  EXPECT_TRUE(bench->WouldAdmit(bench.now()));
  EXPECT_THAT(bench.TakeChanges(), IsEmpty()) << "nobody has touched it";
  EXPECT_EQ(bench.state(), kHalfOpen);
  EXPECT_THAT(bench.TakeChanges(), ElementsAre(Pair("open", "half-open")));
}

// B9.
TEST(CircuitBreaker, CountsMayBeOfAWindowThatIsPast) {
  for (const CircuitBreakerOptions& options : {NeverTrips(Custom()), NeverTrips(Rolling())}) {
    Bench bench(options);
    bench.Fail(2);
    bench.Pass(1h);
    EXPECT_EQ(bench->counts().failures, 2U);
    bench.state();
    EXPECT_EQ(bench->counts().failures, 0U);
  }
}

// B10, B12.
TEST(CircuitBreaker, AVerdictAfterTheOpenTimeoutOpensTheWayForProbesAndIsThenIgnored) {
  for (const Verdict verdict : {Verdict::kSuccess, Verdict::kFailure, Verdict::kExcluded}) {
    Bench bench(Custom());
    Permit slow = bench.Admit();
    bench.Fail(2);
    ASSERT_EQ(bench->Peek(bench.now()), kOpen);
    bench.TakeChanges();
    bench.Pass(90s + 1ns);
    slow.Done(verdict, bench.now());
    EXPECT_THAT(bench.TakeChanges(), ElementsAre(Pair("open", "half-open")));
    EXPECT_EQ(bench->counts(), BreakerCounts{});
    EXPECT_EQ(bench.state(), kHalfOpen);
  }
}

// B11, B12; gobreaker: TestGeneration.
TEST(CircuitBreaker, AVerdictOfAnEarlierWindowIsIgnored) {
  for (const Verdict verdict : {Verdict::kSuccess, Verdict::kFailure, Verdict::kExcluded}) {
    Bench bench(NeverTrips(Custom()));
    bench.Pass(29s);
    bench.Succeed();
    Permit slow = bench.Admit();
    EXPECT_EQ(bench->counts(), Counts(2, 1, 0, 0, 1, 0));
    bench.Pass(1500ms);
    bench.Fail();
    EXPECT_EQ(bench->counts(), Counts(1, 0, 1, 0, 0, 1));
    slow.Done(verdict, bench.now());
    EXPECT_EQ(bench->counts(), Counts(1, 0, 1, 0, 0, 1));
  }
}

// B12: of each earlier state.
TEST(CircuitBreaker, AVerdictOfAnEarlierStateIsIgnored) {
  for (const Verdict verdict : {Verdict::kSuccess, Verdict::kFailure, Verdict::kExcluded}) {
    Bench bench(Custom());
    Permit of_closed = bench.Admit();
    Permit of_closed_too = bench.Admit();
    bench.Fail(3);
    ASSERT_EQ(bench.state(), kOpen);
    of_closed.Done(verdict, bench.now());
    EXPECT_EQ(bench.state(), kOpen);
    EXPECT_EQ(bench->counts(), BreakerCounts{});

    bench.Pass(90s + 1ns);
    Permit of_half_open = bench.Admit();
    Permit of_half_open_too = bench.Admit();
    of_closed_too.Done(verdict, bench.now());
    EXPECT_EQ(bench->counts(), Counts(2, 0, 0, 0, 0, 0));
    bench.Fail();
    ASSERT_EQ(bench.state(), kOpen);
    of_half_open.Done(verdict, bench.now());
    EXPECT_EQ(bench.state(), kOpen);

    bench.Pass(90s + 1ns);
    bench.Succeed(3);
    ASSERT_EQ(bench.state(), kClosed);
    bench.Succeed();
    of_half_open_too.Done(verdict, bench.now());
    EXPECT_EQ(bench.state(), kClosed);
    EXPECT_EQ(bench->counts(), Counts(1, 1, 0, 0, 1, 0));
  }
}

// B13: what gobreaker's fixed window costs, and why ours rolls by default.
TEST(CircuitBreaker, AFixedWindowShorterThanTheCallsNeverTrips) {
  CircuitBreakerOptions options = Gobreaker();
  options.window = 1s;
  Bench bench(options);
  for (int i = 0; i < 20; ++i) {
    Permit permit = bench.Admit();
    bench.Pass(1s + 1ns);
    permit.Done(Verdict::kFailure, bench.now());
  }
  EXPECT_EQ(bench.state(), kClosed);

  options.bucket = 100ms;
  options.window = 10s;
  Bench rolling(options);
  for (int i = 0; i < 6; ++i) {
    Permit permit = rolling.Admit();
    rolling.Pass(1s + 1ns);
    permit.Done(Verdict::kFailure, rolling.now());
  }
  EXPECT_EQ(rolling.state(), kOpen);
}

// B13.
TEST(CircuitBreaker, FailuresInARowEndWithAFixedWindow) {
  CircuitBreakerOptions options = Gobreaker();
  options.window = 1s;
  Bench bench(options);
  bench.Fail(5);
  bench.Pass(1s + 1ns);
  bench.Fail();
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts().consecutive_failures, 1U);
}

// B14: two failures that both want to open it.
TEST(CircuitBreaker, ChangesOnceWhenTwoFailuresWantTheSame) {
  std::vector<Permit> others;
  const Time now{1h};
  int changes = 0;
  CircuitBreakerOptions options = Gobreaker();
  options.ready_to_trip = [&](const BreakerCounts&) {
    if (!others.empty()) {  // another failure while this one is judged
      Permit other = std::move(others.back());
      others.pop_back();
      other.Done(Verdict::kFailure, now);
    }
    return true;
  };
  CircuitBreaker breaker(options, now, Middle, [&](BreakerState, BreakerState) { ++changes; });
  others.push_back(breaker.Admit(now));
  breaker.Admit(now).Done(Verdict::kFailure, now);
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(breaker.state(now), kOpen);
  EXPECT_EQ(breaker.state(now + 60s), kOpen);
}

// The judgement of a failure counts for the window it was counted in.
TEST(CircuitBreaker, DoesNotTripForAFailureOfAWindowThatHasEndedMeanwhile) {
  const Time start{1h};
  CircuitBreaker* itself = nullptr;
  CircuitBreakerOptions options = Gobreaker();
  options.window = 1s;
  options.ready_to_trip = [&](const BreakerCounts&) {
    itself->state(start + 1s + 1ns);
    return true;
  };
  CircuitBreaker breaker(options, start, Middle);
  itself = &breaker;
  breaker.Admit(start).Done(Verdict::kFailure, start);
  EXPECT_EQ(breaker.Peek(start), kClosed);
}

// B15, P7.
TEST(CircuitBreaker, CountsARequestOnlyWhenItIsAdmittedAndARefusalApart) {
  Bench bench(Gobreaker());
  Permit permit = bench.Admit();
  EXPECT_EQ(permit.refusal(), Refusal::kNone);
  EXPECT_EQ(bench->counts(), Counts(1, 0, 0, 0, 0, 0));
  bench.Fail(6);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(bench.Refused(), Refusal::kOpen);
  EXPECT_EQ(bench->counts(), BreakerCounts{});
  EXPECT_EQ(bench->rejections(), 4U);
  bench.Pass(60s + 1ns);
  Permit probe = bench.Admit();
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  EXPECT_EQ(bench->counts(), Counts(1, 0, 0, 0, 0, 0));
  EXPECT_EQ(bench->rejections(), 5U);
  probe.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->rejections(), 5U) << "never reset";
}

// B16; gobreaker: TestCustomIsSuccessful, TestIsExcludedAndIsSuccessfulCombination (what a status means is
// the caller's decision here: it comes as a verdict).
TEST(CircuitBreaker, EachVerdictChangesItsOwnNumberAndTheStreaks) {
  for (const CircuitBreakerOptions& options : {Gobreaker(), Custom(), Rolling()}) {
    Bench bench(NeverTrips(options));
    bench.Succeed(2);
    EXPECT_EQ(bench->counts(), Counts(2, 2, 0, 0, 2, 0));
    bench.Exclude();
    EXPECT_EQ(bench->counts(), Counts(3, 2, 0, 1, 2, 0));
    bench.Fail(3);
    EXPECT_EQ(bench->counts(), Counts(6, 2, 3, 1, 0, 3));
    bench.Exclude();
    EXPECT_EQ(bench->counts(), Counts(7, 2, 3, 2, 0, 3));
    bench.Succeed();
    EXPECT_EQ(bench->counts(), Counts(8, 3, 3, 2, 1, 0));
  }
}

// B17.
TEST(CircuitBreaker, AsksWhetherToTripOnlyAfterAFailureThatAClosedBreakerCounted) {
  std::vector<BreakerCounts> asked;
  CircuitBreakerOptions options = Custom();
  options.ready_to_trip = [&](const BreakerCounts& counts) {
    asked.push_back(counts);
    return counts.failures == 2;
  };
  Bench bench(options);
  Permit stale = bench.Admit();
  bench.Succeed();
  bench.Exclude();
  EXPECT_THAT(asked, IsEmpty());
  bench.Fail();
  EXPECT_THAT(asked, ElementsAre(Counts(4, 1, 1, 1, 0, 1)));
  bench.Fail();
  EXPECT_THAT(asked, ElementsAre(testing::_, Counts(5, 1, 2, 1, 0, 2)));
  ASSERT_EQ(bench.state(), kOpen);
  stale.Done(Verdict::kFailure, bench.now());
  bench.Pass(90s + 1ns);
  bench.Fail();
  EXPECT_EQ(bench.state(), kOpen) << "a probe's failure opens it unasked";
  EXPECT_EQ(asked.size(), 2U);
}

// B18, B23.
TEST(CircuitBreaker, TheOpenTimeoutRunsFromTheFailureThatOpenedIt) {
  Bench bench(Gobreaker());
  bench.Fail(6);
  bench.Pass(60s + 1ns);
  Permit probe = bench.Admit();
  bench.Pass(10s);
  probe.Done(Verdict::kFailure, bench.now());
  bench.Pass(60s);
  EXPECT_EQ(bench.state(), kOpen);
  bench.Pass(1ns);
  EXPECT_EQ(bench.state(), kHalfOpen);
}

// B20.
TEST(CircuitBreaker, StaysHalfOpenForAsLongAsNobodyProbes) {
  Bench bench(Gobreaker());
  bench.Fail(6);
  bench.Pass(61s);
  EXPECT_EQ(bench.state(), kHalfOpen);
  bench.Pass(2400h);
  EXPECT_EQ(bench.state(), kHalfOpen);
  bench.Succeed();
  EXPECT_EQ(bench.state(), kClosed);
}

// B21: a total, not a limit of concurrency. resilience4j: shouldOnlyPermitFourCallsInHalfOpenState.
TEST(CircuitBreaker, AFinishedProbeKeepsItsPlace) {
  CircuitBreakerOptions options = Gobreaker();
  options.half_open_requests = 4;
  Bench bench(options);
  bench.Fail(6);
  bench.Pass(61s);
  bench.Succeed(2);
  Permit third = bench.Admit();
  Permit fourth = bench.Admit();
  EXPECT_TRUE(third && fourth);
  EXPECT_FALSE(bench->WouldAdmit(bench.now()));
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  third.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  EXPECT_EQ(bench->counts(), Counts(4, 3, 0, 0, 3, 0));
}

// B22. resilience4j: shouldIncreaseCounterOnReleasePermission, shouldReleasePermissionWhenExceptionIgnored.
TEST(CircuitBreaker, AnExcludedProbeGivesItsPlaceBack) {
  Bench bench(Gobreaker());
  bench.Fail(6);
  bench.Pass(61s);
  Permit probe = bench.Admit();
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests) << "while it is under way it has one";
  probe.Done(Verdict::kExcluded, bench.now());
  EXPECT_EQ(bench.state(), kHalfOpen);
  EXPECT_TRUE(bench->WouldAdmit(bench.now()));
  Permit next = bench.Admit();
  EXPECT_TRUE(next);
  EXPECT_EQ(bench->counts(), Counts(2, 0, 0, 1, 0, 0));
}

// B23: with successes before it and probes beside it.
TEST(CircuitBreaker, OneFailedProbeOpensIt) {
  Bench bench(Custom());
  bench.Fail(3);
  bench.Pass(91s);
  bench.Succeed();
  Permit beside = bench.Admit();
  bench.Fail();
  EXPECT_EQ(bench.state(), kOpen);
  EXPECT_EQ(bench.Refused(), Refusal::kOpen);
  beside.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench.state(), kOpen);
}

// B24: the window that starts at closing.
TEST(CircuitBreaker, AFixedWindowStartsWhenItCloses) {
  Bench bench(Custom());
  bench.Fail(3);
  bench.Pass(100s);
  bench.Succeed(3);
  ASSERT_EQ(bench.state(), kClosed);
  bench.Succeed();
  bench.Pass(30s);
  bench.Succeed();
  EXPECT_EQ(bench->counts().requests, 2U);
  bench.Pass(1ns);
  bench.Succeed();
  EXPECT_EQ(bench->counts().requests, 1U);
}

// B26, P2: what wedges gobreaker.
TEST(CircuitBreaker, F44AProbeThatNeverEndsLosesItsPlace) {
  Bench bench(Gobreaker());
  bench.Fail(6);
  bench.Pass(61s);
  Permit hung = bench.Admit();
  bench.Pass(60s);
  EXPECT_FALSE(bench->WouldAdmit(bench.now()));
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  bench.Pass(1ns);
  EXPECT_TRUE(bench->WouldAdmit(bench.now()));
  Permit next = bench.Admit();
  ASSERT_TRUE(next);
  EXPECT_EQ(bench->counts(), Counts(2, 0, 0, 1, 0, 0));
  hung.Done(Verdict::kFailure, bench.now());
  EXPECT_EQ(bench.state(), kHalfOpen) << "its verdict comes too late";
  EXPECT_EQ(bench->counts(), Counts(2, 0, 0, 1, 0, 0));
  next.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench.state(), kClosed);
}

// P2.
TEST(CircuitBreaker, F44AProbesLeaseEndsWithItsCallOrTheOpenTimeoutWhicheverIsSooner) {
  CircuitBreakerOptions options = Gobreaker();
  options.half_open_requests = 2;
  Bench bench(options);
  bench.Fail(6);
  bench.Pass(61s);
  Permit longer = bench.Admit(bench.now() + 100s);
  Permit shorter = bench.Admit(bench.now() + 5s);
  bench.Pass(5s);
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  bench.Pass(1ns);
  Permit in_its_place = bench.Admit();
  EXPECT_TRUE(in_its_place);
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  bench.Pass(55s - 1ns);
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
  bench.Pass(1ns);
  EXPECT_TRUE(bench.Admit());
}

// P2, B8.
TEST(CircuitBreaker, F44ALeaseStillHoldsAtTheInstantItEndsWhateverElseIsReclaimedThen) {
  CircuitBreakerOptions options = Gobreaker();
  options.half_open_requests = 2;
  Bench bench(options);
  bench.Fail(6);
  bench.Pass(61s);
  Permit shorter = bench.Admit(bench.now() + 5s);
  Permit longer = bench.Admit(bench.now() + 10s);
  bench.Pass(10s);
  Permit in_the_shorter_ones_place = bench.Admit();
  EXPECT_TRUE(in_the_shorter_ones_place);
  EXPECT_EQ(bench.Refused(), Refusal::kTooManyRequests);
}

TEST(CircuitBreaker, F44AProbeThatEndsWithinItsLeaseCounts) {
  Bench bench(Gobreaker());
  bench.Fail(6);
  bench.Pass(61s);
  Permit probe = bench.Admit(bench.now() + 5s);
  bench.Pass(5s);
  probe.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench.state(), kClosed);
}

// B27: a refusal is all that the breaker adds; B30; gobreaker: TestTwoStepCircuitBreaker.
TEST(CircuitBreaker, WorksInTwoSteps) {
  Bench bench(Gobreaker());
  std::vector<Permit> permits;
  for (int i = 0; i < 6; ++i) permits.push_back(bench.Admit());
  EXPECT_EQ(bench->counts(), Counts(6, 0, 0, 0, 0, 0));
  for (Permit& permit : permits) {
    EXPECT_EQ(bench.state(), kClosed);
    permit.Done(Verdict::kFailure, bench.now());
  }
  EXPECT_EQ(bench.state(), kOpen);
  Permit refused = bench.Admit();
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.refusal(), Refusal::kOpen);
  refused.Done(Verdict::kFailure, bench.now());
  EXPECT_EQ(bench->counts(), BreakerCounts{});
}

// B28, P1; gobreaker: TestPanicInRequest, which counts a failure: here a call that is left without a verdict,
// by an exception or else, says nothing of the endpoint.
TEST(CircuitBreaker, APermitLeftByAnExceptionIsExcludedAndTheExceptionGoesOn) {
  Bench bench(Gobreaker());
  EXPECT_THROW(
      {
        const Permit permit = bench.Admit();
        throw std::runtime_error("oops");
      },
      std::runtime_error);
  EXPECT_EQ(bench->counts(), Counts(1, 0, 0, 1, 0, 0));
}

// P1.
TEST(CircuitBreaker, APermitDroppedWithoutAVerdictIsExcluded) {
  Bench bench(Gobreaker());
  { const Permit permit = bench.Admit(); }
  EXPECT_EQ(bench->counts(), Counts(1, 0, 0, 1, 0, 0));
  bench.Fail(6);
  bench.Pass(61s);
  { const Permit probe = bench.Admit(); }
  EXPECT_EQ(bench.state(), kHalfOpen);
  EXPECT_EQ(bench->counts(), Counts(1, 0, 0, 1, 0, 0));
  EXPECT_TRUE(bench.Admit());
}

// P1, against B30.
TEST(CircuitBreaker, OnlyTheFirstVerdictCounts) {
  Bench bench(Gobreaker());
  Permit permit = bench.Admit();
  permit.Done(Verdict::kSuccess, bench.now());
  permit.Done(Verdict::kSuccess, bench.now());
  permit.Done(Verdict::kFailure, bench.now());
  EXPECT_TRUE(permit) << "it had been admitted";
  EXPECT_EQ(bench->counts(), Counts(1, 1, 0, 0, 1, 0));
}

TEST(CircuitBreaker, APermitThatIsMovedOwesItsVerdictOnce) {
  Bench bench(NeverTrips(Gobreaker()));
  Permit first = bench.Admit();
  Permit moved = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(moved);
  first.Done(Verdict::kFailure, bench.now());
  EXPECT_EQ(bench->counts(), Counts(1, 0, 0, 0, 0, 0));
  Permit second = bench.Admit();
  second = std::move(moved);
  EXPECT_EQ(bench->counts(), Counts(2, 0, 0, 1, 0, 0)) << "what it held was dropped";
  second.Done(Verdict::kFailure, bench.now());
  EXPECT_EQ(bench->counts(), Counts(2, 0, 1, 1, 0, 1));
  const Permit none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.refusal(), Refusal::kNone);
}

// B29, P3: gobreaker would deadlock.
TEST(CircuitBreaker, ObserverAndTripRuleMayCallTheBreaker) {
  const Time now{1h};
  CircuitBreaker* itself = nullptr;
  std::vector<BreakerState> seen;
  CircuitBreakerOptions options = Gobreaker();
  options.ready_to_trip = [&](const BreakerCounts& counts) {
    EXPECT_EQ(itself->counts(), counts);
    EXPECT_EQ(itself->state(now), kClosed);
    return true;
  };
  CircuitBreaker breaker(options, now, Middle, [&](BreakerState, BreakerState to) {
    seen.push_back(itself->Peek(now));
    EXPECT_EQ(seen.back(), to) << "called after the change";
    EXPECT_EQ(itself->counts(), BreakerCounts{});
    EXPECT_FALSE(itself->Admit(now));
  });
  itself = &breaker;
  breaker.Admit(now).Done(Verdict::kFailure, now);
  EXPECT_THAT(seen, ElementsAre(kOpen));
}

// P3: changes made while one is being reported come after it, each once.
TEST(CircuitBreaker, ReportsChangesInTheirOrderEvenWhenTheObserverCausesThem) {
  const Time start{1h};
  CircuitBreaker* itself = nullptr;
  int depth = 0;
  std::vector<std::pair<BreakerState, BreakerState>> changes;
  CircuitBreaker breaker(Gobreaker(), start, Middle, [&](BreakerState from, BreakerState to) {
    EXPECT_EQ(depth++, 0) << "one at a time";
    changes.emplace_back(from, to);
    if (changes.size() == 1) {
      itself->Admit(start + 61s).Done(Verdict::kSuccess, start + 61s);
      EXPECT_EQ(changes.size(), 1U);
    }
    --depth;
  });
  itself = &breaker;
  for (int i = 0; i < 6; ++i) breaker.Admit(start).Done(Verdict::kFailure, start);
  EXPECT_THAT(changes, ElementsAre(Pair(kClosed, kOpen), Pair(kOpen, kHalfOpen), Pair(kHalfOpen, kClosed)));
}

// B31: jumps, and a clock that goes back.
TEST(CircuitBreaker, RollsOverAJumpOfTheClock) {
  Bench bench(NeverTrips(Rolling()));
  bench.Fail(2);
  bench.Pass(29s);
  bench.Fail(3);
  EXPECT_EQ(bench->counts().failures, 5U);
  bench.Pass(1s);
  bench.Fail();
  EXPECT_EQ(bench->counts(), Counts(4, 0, 4, 0, 0, 4)) << "the first bucket is out at 30 s";
  bench.Pass(30s);
  bench.Succeed();
  EXPECT_EQ(bench->counts(), Counts(1, 1, 0, 0, 1, 0));
  bench.Pass(24h * 365 * 100);
  bench.Succeed();
  EXPECT_EQ(bench->counts(), Counts(1, 1, 0, 0, 1, 0));
  bench.Pass(27s);
  bench.Succeed();
  EXPECT_EQ(bench->counts().requests, 2U);
}

// B31: buckets start at multiples of their length after the window's start, whenever it is touched.
TEST(CircuitBreaker, BucketsKeepTheirRhythm) {
  Bench bench(NeverTrips(Rolling()));
  bench.Pass(4s);  // the second bucket began at 3 s
  bench.Fail();
  bench.Pass(29s - 1ns);
  bench.state();
  EXPECT_EQ(bench->counts().failures, 1U);
  bench.Pass(1ns);
  bench.state();
  EXPECT_EQ(bench->counts().failures, 0U);
}

// B31, P4.
TEST(CircuitBreaker, F33ToleratesAClockThatGoesBack) {
  for (const CircuitBreakerOptions& options : {NeverTrips(Custom()), NeverTrips(Rolling())}) {
    Bench bench(options);
    bench.Pass(20s);
    bench.Fail();
    Permit permit = bench.Admit();
    bench.Pass(-1h);
    bench.Fail();
    permit.Done(Verdict::kFailure, bench.now());
    EXPECT_EQ(bench->counts(), Counts(3, 0, 3, 0, 0, 3));
    EXPECT_EQ(bench.state(), kClosed);
  }
  Bench bench(Gobreaker());
  bench.Fail(6);
  bench.Pass(-30min);
  EXPECT_EQ(bench.Refused(), Refusal::kOpen);
  EXPECT_EQ(bench.state(), kOpen);
}

// B32.
TEST(CircuitBreaker, AVerdictCountsInTheBucketOfItsAdmission) {
  for (const Verdict verdict : {Verdict::kSuccess, Verdict::kFailure, Verdict::kExcluded}) {
    Bench bench(NeverTrips(Rolling()));
    Permit in_time = bench.Admit();
    Permit too_late = bench.Admit();
    bench.Pass(30s - 1ns);
    in_time.Done(verdict, bench.now());
    EXPECT_EQ(bench->counts().requests, 2U);
    EXPECT_EQ(bench->counts().successes + bench->counts().failures + bench->counts().exclusions, 1U);
    bench.Pass(1ns);
    bench.state();
    EXPECT_EQ(bench->counts().successes + bench->counts().failures + bench->counts().exclusions, 0U)
        << "it went with the bucket of its admission";
    too_late.Done(verdict, bench.now());
    EXPECT_EQ(bench->counts(), BreakerCounts{});
  }
}

// B33.
TEST(CircuitBreaker, AStreakAcrossTheWindowShrinksWithItsOldestBucket) {
  CircuitBreakerOptions options = NeverTrips(Gobreaker());
  options.window = 3s;
  options.bucket = 1s;
  Bench bench(options);
  for (const int failures : {4, 3, 2}) {
    bench.Fail(failures);
    bench.Pass(1s);
  }
  bench.state();
  EXPECT_EQ(bench->counts(), Counts(5, 0, 5, 0, 0, 5));
  bench.Pass(1s);
  bench.state();
  EXPECT_EQ(bench->counts(), Counts(2, 0, 2, 0, 0, 2));
}

// B34.
TEST(CircuitBreaker, ARollingWindowStartsAfreshWhenItCloses) {
  Bench bench(Rolling());
  bench.Pass(2s);
  bench.Fail(3);
  bench.Pass(91s);
  EXPECT_EQ(bench.state(), kHalfOpen);
  bench.Pass(1h);
  bench.Succeed(2);
  EXPECT_EQ(bench->counts(), Counts(2, 2, 0, 0, 2, 0)) << "half-open does not roll";
  bench.Pass(1h);
  EXPECT_EQ(bench.state(), kHalfOpen);
  EXPECT_EQ(bench->counts(), Counts(2, 2, 0, 0, 2, 0));
  bench.Succeed();
  ASSERT_EQ(bench.state(), kClosed);
  bench.Succeed();
  bench.Pass(30s - 1ns);
  bench.state();
  EXPECT_EQ(bench->counts().successes, 1U);
  bench.Pass(1ns);
  bench.state();
  EXPECT_EQ(bench->counts().successes, 0U);
}

// B35, B10: each verdict moves the window on.
TEST(CircuitBreaker, EveryVerdictMovesTheWindowOn) {
  for (const Verdict verdict : {Verdict::kSuccess, Verdict::kFailure, Verdict::kExcluded}) {
    for (const CircuitBreakerOptions& options : {NeverTrips(Custom()), NeverTrips(Rolling())}) {
      Bench bench(options);
      bench.Fail(2);
      Permit permit = bench.Admit();
      bench.Pass(30s + 1ns);
      permit.Done(verdict, bench.now());
      EXPECT_EQ(bench->counts(), BreakerCounts{});
    }
  }
}

// B36, P5: more than the breaker's own word holds, which is moved in between.
TEST(CircuitBreaker, CountsMoreThanItsWordsHold) {
  Bench bench(NeverTrips(Gobreaker()));
  constexpr std::uint64_t kMany = (std::uint64_t{1} << 24) + 1000;
  Permit first = bench.Admit();
  for (std::uint64_t i = 1; i < kMany; ++i) bench->Admit(bench.now()).Done(Verdict::kSuccess, bench.now());
  first.Done(Verdict::kSuccess, bench.now());
  EXPECT_EQ(bench->counts(), Counts(kMany, kMany, 0, 0, kMany, 0));
  EXPECT_EQ(bench.state(), kClosed);
}

// P6.
TEST(CircuitBreaker, DrawsEachOpenTimeoutAroundTheMiddle) {
  CircuitBreakerOptions options = Gobreaker();
  options.open_timeout = 100s;
  options.open_timeout_jitter = 0.2;
  double random = 0;
  Bench bench(options, [&] { return random; });
  bench.Fail(6);
  bench.Pass(80s);
  EXPECT_EQ(bench.state(), kOpen);
  bench.Pass(1ns);
  EXPECT_EQ(bench.state(), kHalfOpen);
  random = 0.5;
  bench.Fail();
  bench.Pass(100s);
  EXPECT_EQ(bench.state(), kOpen);
  bench.Pass(1ns);
  EXPECT_EQ(bench.state(), kHalfOpen);
  random = std::nextafter(1.0, 0.0);
  bench.Fail();
  bench.Pass(120s - 1us);
  EXPECT_EQ(bench.state(), kOpen);
  bench.Pass(2us);
  EXPECT_EQ(bench.state(), kHalfOpen);
}

TEST(CircuitBreaker, TakesAnImpossibleJitterAsTheNearestPossible) {
  struct Case {
    double jitter;
    nanoseconds timeout;
  };
  for (const Case& c : {Case{-1, 60s}, Case{std::numeric_limits<double>::quiet_NaN(), 60s}, Case{7, 90s}}) {
    CircuitBreakerOptions options = Gobreaker();
    options.open_timeout_jitter = c.jitter;
    Bench bench(options, [] { return 0.75; });
    bench.Fail(6);
    bench.Pass(c.timeout);
    EXPECT_EQ(bench.state(), kOpen);
    bench.Pass(1ns);
    EXPECT_EQ(bench.state(), kHalfOpen);
  }
}

TEST(CircuitBreaker, LookingChangesNothing) {
  Bench bench(Custom());
  bench.Fail(3);
  EXPECT_FALSE(bench->WouldAdmit(bench.now()));
  EXPECT_EQ(bench->Peek(bench.now()), kOpen);
  EXPECT_EQ(bench->rejections(), 0U);
  EXPECT_EQ(bench->Peek(bench.now() + 90s), kOpen);
  EXPECT_EQ(bench->Peek(bench.now() + 90s + 1ns), kHalfOpen);
  EXPECT_TRUE(bench->WouldAdmit(bench.now() + 90s + 1ns));
  EXPECT_EQ(bench->Peek(bench.now()), kOpen);
  bench.Pass(91s);
  Permit first = bench.Admit();
  EXPECT_TRUE(bench->WouldAdmit(bench.now()));
  Permit second = bench.Admit();
  Permit third = bench.Admit();
  EXPECT_FALSE(bench->WouldAdmit(bench.now()));
  EXPECT_EQ(bench->Peek(bench.now()), kHalfOpen);
  EXPECT_EQ(bench->counts().requests, 3U);
}

// resilience4j: shouldNotAllowTransitionFromClosedToHalfOpen; the only way there is through open.
TEST(CircuitBreaker, NeverGoesFromClosedToHalfOpen) {
  std::mt19937 random(7);
  Bench bench(CircuitBreakerOptions{}, [&] { return std::uniform_real_distribution<>()(random); });
  std::vector<Permit> permits;
  for (int i = 0; i < 20000; ++i) {
    bench.Pass(std::chrono::milliseconds(random() % 300));
    if (permits.size() < 8) permits.push_back(bench.Admit(bench.now() + 1s));
    if (random() % 2 == 0) {
      permits[random() % permits.size()].Done(static_cast<Verdict>(random() % 3), bench.now());
      std::erase_if(permits, [&](const Permit&) { return random() % 4 == 0; });
    }
  }
  std::string state = "closed";
  const auto changes = bench.TakeChanges();
  EXPECT_GT(changes.size(), 100U);
  for (const auto& [from, to] : changes) {
    EXPECT_EQ(from, state);
    EXPECT_TRUE((from == "closed" && to == "open") || (from == "open" && to == "half-open") ||
                (from == "half-open" && to != "half-open"))
        << from << " to " << to;
    state = to;
  }
}

TEST(CircuitBreaker, AdmitsEverythingWhenDisabled) {
  CircuitBreakerOptions options;
  options.enabled = false;
  Bench bench(options);
  bench.Fail(100);
  EXPECT_TRUE(bench->WouldAdmit(bench.now()));
  EXPECT_EQ(bench.state(), kClosed);
  EXPECT_EQ(bench->counts(), BreakerCounts{});
  EXPECT_EQ(bench->rejections(), 0U);
}

// Runs `work(thread, i)` `times` times on each of `threads` threads at once.
template <typename Work>
void InParallel(int threads, int times, const Work& work) {
  std::barrier start(threads);
  std::vector<std::thread> running;
  for (int thread = 0; thread < threads; ++thread)
    running.emplace_back([&, thread] {
      start.arrive_and_wait();
      for (int i = 0; i < times; ++i) work(thread, i);
    });
  for (std::thread& thread : running) thread.join();
}

// gobreaker: TestCircuitBreakerInParallel.
TEST(CircuitBreakerThreads, LoseNoCount) {
  Bench bench(NeverTrips(Custom()));
  InParallel(10, 10000, [&](int, int) { bench->Admit(bench.now()).Done(Verdict::kSuccess, bench.now()); });
  EXPECT_EQ(bench->counts(), Counts(100000, 100000, 0, 0, 100000, 0));
}

TEST(CircuitBreakerThreads, LoseNoCountOfAnyVerdict) {
  for (const CircuitBreakerOptions& options : {NeverTrips(Custom()), NeverTrips(Rolling())}) {
    Bench bench(options);
    InParallel(6, 9000, [&](int thread, int i) {
      bench->Admit(bench.now()).Done(static_cast<Verdict>((thread + i) % 3), bench.now());
    });
    const BreakerCounts counts = bench->counts();
    EXPECT_EQ(counts.requests, 54000U);
    EXPECT_EQ(counts.successes, 18000U);
    EXPECT_EQ(counts.failures, 18000U);
    EXPECT_EQ(counts.exclusions, 18000U);
    EXPECT_TRUE(counts.consecutive_successes == 0 || counts.consecutive_failures == 0);
  }
}

// gobreaker: TestRollingWindowCircuitBreakerInParallel. Time passes on while calls are under way: every one
// of them is in the window, whichever bucket it came into.
TEST(CircuitBreakerThreads, LoseNoCountWhenBucketsChangeUnderThem) {
  CircuitBreakerOptions options = NeverTrips(Gobreaker());
  options.window = 1h;
  options.bucket = 5s;
  Bench bench(options);
  std::atomic<int> tick = 0;
  constexpr int kThreads = 12;
  constexpr int kTimes = 3000;
  InParallel(kThreads, kTimes, [&](int thread, int i) {
    // Over all of it the clock moves on by half the window.
    const auto time = [&] { return bench.now() + 30min * tick.fetch_add(1) / (2 * kThreads * kTimes); };
    Permit permit = bench->Admit(time());
    permit.Done((thread + i) % 4 == 0 ? Verdict::kFailure : Verdict::kSuccess, time());
  });
  const BreakerCounts counts = bench->counts();
  EXPECT_EQ(counts.requests, 36000U);
  EXPECT_EQ(counts.successes, 27000U);
  EXPECT_EQ(counts.failures, 9000U);
}

// Whatever happens in between, no verdict counts without its request in the same window.
TEST(CircuitBreakerThreads, NeverShowMoreVerdictsThanRequests) {
  CircuitBreakerOptions options = NeverTrips(Gobreaker());
  options.window = 100us;
  for (const nanoseconds bucket : {nanoseconds(0), nanoseconds(10us)}) {
    options.bucket = bucket;
    Bench bench(options);
    std::atomic<int> tick = 0;
    InParallel(4, 10000, [&](int thread, int i) {
      const auto time = [&] { return bench.now() + 1us * tick.fetch_add(1); };
      Permit permit = bench->Admit(time());
      permit.Done((thread + i) % 8 == 0 ? Verdict::kFailure : Verdict::kSuccess, time());
      if (i % 10 == 0) {
        const BreakerCounts counts = bench->counts();
        EXPECT_LE(counts.successes + counts.failures + counts.exclusions, counts.requests);
        EXPECT_LE(counts.consecutive_successes, counts.requests);
      }
    });
  }
}

// B25; the limit of probes holds whoever comes at the same time.
TEST(CircuitBreakerThreads, AdmitNoMoreProbesThanAllowed) {
  CircuitBreakerOptions options = Gobreaker();
  options.half_open_requests = 3;
  for (int round = 0; round < 200; ++round) {
    Bench bench(options);
    bench.Fail(6);
    bench.Pass(61s);
    std::atomic<int> admitted = 0;
    std::atomic<int> refused = 0;
    std::mutex mutex;
    std::vector<Permit> permits;
    InParallel(8, 1, [&](int, int) {
      Permit permit = bench->Admit(bench.now());
      if (permit) {
        ++admitted;
        const std::lock_guard lock(mutex);
        permits.push_back(std::move(permit));
      } else if (permit.refusal() == Refusal::kTooManyRequests) {
        ++refused;
      }
    });
    ASSERT_EQ(admitted, 3);
    ASSERT_EQ(refused, 5);
    ASSERT_EQ(bench->rejections(), 5U);
    ASSERT_THAT(bench.TakeChanges(), ElementsAre(Pair("closed", "open"), Pair("open", "half-open")));
  }
}

// Every call is either admitted or counted as refused, and changes are reported as an unbroken chain.
TEST(CircuitBreakerThreads, ReportAnUnbrokenChainOfChanges) {
  std::vector<std::pair<BreakerState, BreakerState>> changes;  // not guarded: reports come one at a time
  const Time start{1h};
  CircuitBreakerOptions options;
  options.open_timeout = 20us;
  std::atomic<std::uint64_t> draws = 0;
  CircuitBreaker breaker(
      options, start, [&] { return static_cast<double>(draws.fetch_add(1) % 10) / 10; },
      [&](BreakerState from, BreakerState to) { changes.emplace_back(from, to); });
  std::atomic<int> tick = 0;
  std::atomic<std::uint64_t> admitted = 0;
  std::atomic<std::uint64_t> refused = 0;
  InParallel(6, 20000, [&](int thread, int i) {
    const Time now = start + 1us * tick.fetch_add(1);
    Permit permit = breaker.Admit(now, now + 10us);
    (permit ? admitted : refused).fetch_add(1);
    if (i % 50 == 0) breaker.state(now);
    permit.Done((i / 100 + thread) % 2 == 0 ? Verdict::kSuccess : Verdict::kFailure, now + 1us);
  });
  EXPECT_EQ(admitted + refused, 120000U);
  EXPECT_EQ(breaker.rejections(), refused.load());
  EXPECT_GT(changes.size(), 10U);
  BreakerState state = kClosed;
  for (const auto& [from, to] : changes) {
    ASSERT_EQ(from, state);
    state = to;
  }
  EXPECT_EQ(breaker.Peek(Time::min()), state);
}

}  // namespace
}  // namespace dispatchctl::internal
