#include "endpoints/balancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <set>
#include <thread>
#include <vector>

namespace dispatchctl::internal {
namespace {

using testing::Each;

constexpr LoadBalancing kPolicies[] = {LoadBalancing::kRoundRobin, LoadBalancing::kPickFirst,
                                       LoadBalancing::kLeastRequest, LoadBalancing::kWeightedRoundRobin,
                                       LoadBalancing::kRingHash};

class FakeCandidates final : public BalancerCandidates {
 public:
  explicit FakeCandidates(std::size_t count) : usable(count, 1), in_flight(count, 0), weights(count, 0) {}

  bool Usable(std::size_t index) const override {
    ++looks;
    return usable.at(index) != 0;
  }
  std::uint64_t InFlight(std::size_t index) const override { return in_flight.at(index); }
  double Weight(std::size_t index) const override { return weights.at(index); }

  std::vector<char> usable;
  std::vector<std::uint64_t> in_flight;
  std::vector<double> weights;
  mutable int looks = 0;
};

std::vector<std::string> Endpoints(std::size_t count) {
  std::vector<std::string> endpoints;
  for (std::size_t i = 0; i < count; ++i) {
    endpoints.push_back("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ":50051");
  }
  return endpoints;
}

std::vector<int> PickMany(Balancer& balancer, const FakeCandidates& candidates, RandomSource& random,
                          int picks, const std::string& key = "") {
  std::vector<int> counts(candidates.usable.size(), 0);
  for (int i = 0; i < picks; ++i) {
    const std::optional<std::size_t> index = balancer.Pick(key, candidates, random);
    if (!index) {
      ADD_FAILURE() << "pick " << i << " found none usable";
      return counts;
    }
    ++counts[*index];
  }
  return counts;
}

// The sum over the usable endpoints of (picked - expected)^2 / expected.
double ChiSquare(const std::vector<int>& counts, const std::vector<double>& shares) {
  double picks = 0;
  double all_shares = 0;
  for (int count : counts) picks += count;
  for (double share : shares) all_shares += share;
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = picks * shares[i] / all_shares;
    if (expected > 0) sum += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return sum;
}

TEST(AtomicRandom, IsSplitMix64) {
  AtomicRandom random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317U);
  EXPECT_EQ(random.Next(), 3203168211198807973U);
}

TEST(AtomicRandom, DrawsEvenlyBelowABound) {
  AtomicRandom random(1);
  std::vector<int> counts(10, 0);
  double sum = 0;
  for (int i = 0; i < 100'000; ++i) {
    ++counts.at(random.Below(10));
    const double unit = random.Unit();
    ASSERT_GE(unit, 0);
    ASSERT_LT(unit, 1);
    sum += unit;
  }
  EXPECT_LT(ChiSquare(counts, std::vector<double>(10, 1)), 27.9)
      << "nine degrees of freedom: one in a thousand";
  EXPECT_NEAR(sum / 100'000, 0.5, 0.005);
  EXPECT_EQ(random.Below(1), 0U);
}

TEST(AtomicRandom, GivesNoNumberTwiceToThreads) {
  AtomicRandom random(1);
  std::vector<std::vector<std::uint64_t>> drawn(4);
  std::vector<std::thread> threads;
  for (std::vector<std::uint64_t>& mine : drawn) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) mine.push_back(random.Next());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const std::vector<std::uint64_t>& mine : drawn) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 20'000U);
}

TEST(LoadBalancingName, IsGrpcs) {
  EXPECT_EQ(LoadBalancingName(LoadBalancing::kRoundRobin), "round_robin");
  EXPECT_EQ(LoadBalancingName(LoadBalancing::kPickFirst), "pick_first");
  EXPECT_EQ(LoadBalancingName(LoadBalancing::kLeastRequest), "least_request");
  EXPECT_EQ(LoadBalancingName(LoadBalancing::kWeightedRoundRobin), "weighted_round_robin");
  EXPECT_EQ(LoadBalancingName(LoadBalancing::kRingHash), "ring_hash");
  EXPECT_EQ(LoadBalancingName(static_cast<LoadBalancing>(9)), "unknown");
}

TEST(EveryBalancer, FindsNoneWhereNoneIsUsable) {
  AtomicRandom random(2);
  for (LoadBalancing policy : kPolicies) {
    for (std::size_t count : {0U, 1U, 2U, 7U}) {
      FakeCandidates candidates(count);
      candidates.usable.assign(count, 0);
      EXPECT_FALSE(
          MakeBalancer(policy, Endpoints(count), random)->Pick("courier-1", candidates, random).has_value())
          << LoadBalancingName(policy) << " of " << count;
    }
  }
}

TEST(EveryBalancer, FindsTheOnlyOneThatIsUsable) {
  AtomicRandom random(3);
  for (LoadBalancing policy : kPolicies) {
    for (std::size_t count : {1U, 2U, 7U, 500U}) {
      std::unique_ptr<Balancer> balancer = MakeBalancer(policy, Endpoints(count), random);
      for (std::size_t only : {std::size_t{0}, count / 2, count - 1}) {
        FakeCandidates candidates(count);
        candidates.usable.assign(count, 0);
        candidates.usable[only] = 1;
        for (int i = 0; i < 20; ++i) {
          ASSERT_EQ(balancer->Pick("courier-" + std::to_string(i), candidates, random), only)
              << LoadBalancingName(policy) << " of " << count;
        }
      }
    }
  }
}

TEST(EveryBalancer, PicksNoneThatIsNotUsable) {
  AtomicRandom random(4);
  for (LoadBalancing policy : kPolicies) {
    FakeCandidates candidates(10);
    for (std::size_t dead : {1U, 2U, 5U, 9U}) candidates.usable[dead] = 0;
    std::unique_ptr<Balancer> balancer = MakeBalancer(policy, Endpoints(10), random);
    for (int i = 0; i < 2000; ++i) {
      const std::optional<std::size_t> index =
          balancer->Pick("courier-" + std::to_string(i), candidates, random);
      ASSERT_TRUE(index.has_value());
      ASSERT_TRUE(candidates.usable[*index]) << LoadBalancingName(policy);
    }
  }
}

TEST(EveryBalancer, ServesManyThreads) {
  AtomicRandom random(5);
  for (LoadBalancing policy : kPolicies) {
    class Always final : public BalancerCandidates {
     public:
      bool Usable(std::size_t index) const override { return index != 3; }
      std::uint64_t InFlight(std::size_t index) const override { return index % 2; }
      double Weight(std::size_t index) const override { return static_cast<double>(index); }
    };
    const Always candidates;
    std::unique_ptr<Balancer> balancer = MakeBalancer(policy, Endpoints(8), random);
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 4000; ++i) {
          const std::optional<std::size_t> index = balancer->Pick(std::to_string(i + t), candidates, random);
          if (!index || *index == 3 || *index >= 8) wrong.fetch_add(1);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong.load(), 0) << LoadBalancingName(policy);
  }
}

TEST(RoundRobin, GivesEachTheSame) {
  AtomicRandom random(6);
  FakeCandidates candidates(7);
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kRoundRobin, Endpoints(7), random);
  EXPECT_THAT(PickMany(*balancer, candidates, random, 7000), Each(1000));
  EXPECT_EQ(candidates.looks, 7000) << "one look a pick";
}

TEST(RoundRobin, StartsAnywhere) {
  AtomicRandom random(7);
  FakeCandidates candidates(4);
  std::vector<int> starts(4, 0);
  for (int i = 0; i < 4000; ++i) {
    ++starts.at(
        *MakeBalancer(LoadBalancing::kRoundRobin, Endpoints(4), random)->Pick("", candidates, random));
  }
  EXPECT_LT(ChiSquare(starts, {1, 1, 1, 1}), 16.3) << "three degrees of freedom: one in a thousand";
}

// A third of the list is one zone's: a call and its retries must not all meet it.
TEST(RoundRobin, DoesNotStayWithNeighboursInTheList) {
  AtomicRandom random(28);
  for (const LoadBalancing policy : {LoadBalancing::kRoundRobin, LoadBalancing::kWeightedRoundRobin}) {
    for (const std::size_t count : {6U, 9U, 30U, 499U, 500U, 512U}) {
      const FakeCandidates candidates(count);
      std::unique_ptr<Balancer> balancer = MakeBalancer(policy, Endpoints(count), random);
      int in_a_row = 0;
      for (std::size_t i = 0; i < 2 * count; ++i) {
        in_a_row = *balancer->Pick("", candidates, random) < count / 3 ? in_a_row + 1 : 0;
        ASSERT_LE(in_a_row, 2) << LoadBalancingName(policy) << " of " << count;
      }
    }
  }
}

TEST(RoundRobin, SharesTheTurnsOfTheDeadAmongAll) {
  AtomicRandom random(8);
  FakeCandidates candidates(5);
  candidates.usable[1] = 0;
  candidates.usable[2] = 0;
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kRoundRobin, Endpoints(5), random);
  const std::vector<int> counts = PickMany(*balancer, candidates, random, 3000);
  EXPECT_EQ(counts, (std::vector<int>{1000, 0, 0, 1000, 1000}));
}

// Another thread has the turn of the only usable endpoint each time.
TEST(RoundRobin, FindsTheUsableThoughOthersHaveItsTurns) {
  AtomicRandom random(26);
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kRoundRobin, Endpoints(2), random);
  class Contended final : public BalancerCandidates {
   public:
    Contended(Balancer& contended, RandomSource& source) : balancer_(contended), random_(source) {}
    bool Usable(std::size_t index) const override {
      if (index == 0) balancer_.Pick("", FakeCandidates(2), random_);
      return index == 1;
    }
    std::uint64_t InFlight(std::size_t) const override { return 0; }
    double Weight(std::size_t) const override { return 0; }

   private:
    Balancer& balancer_;
    RandomSource& random_;
  };
  const Contended candidates(*balancer, random);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(balancer->Pick("", candidates, random), 1U);
}

TEST(RoundRobin, GivesEachTheSameUnderThreads) {
  AtomicRandom random(9);
  class Always final : public BalancerCandidates {
   public:
    bool Usable(std::size_t) const override { return true; }
    std::uint64_t InFlight(std::size_t) const override { return 0; }
    double Weight(std::size_t) const override { return 0; }
  };
  const Always candidates;
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kRoundRobin, Endpoints(5), random);
  std::vector<std::atomic<int>> counts(5);
  std::vector<std::thread> threads;
  for (int t = 0; t < 5; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) counts[*balancer->Pick("", candidates, random)].fetch_add(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& count : counts) EXPECT_EQ(count.load(), 10'000);
}

TEST(PickFirst, StaysWithTheFirstThatIsUsable) {
  AtomicRandom random(10);
  FakeCandidates candidates(3);
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kPickFirst, Endpoints(3), random);
  EXPECT_EQ(PickMany(*balancer, candidates, random, 100), (std::vector<int>{100, 0, 0}));
  candidates.usable[0] = 0;
  EXPECT_EQ(PickMany(*balancer, candidates, random, 100), (std::vector<int>{0, 100, 0}));
  candidates.usable[0] = 1;
  EXPECT_EQ(PickMany(*balancer, candidates, random, 100), (std::vector<int>{100, 0, 0}));
}

TEST(LeastRequest, PicksTheLessBusyOfTwo) {
  AtomicRandom random(11);
  FakeCandidates candidates(2);
  candidates.in_flight = {3, 2};
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kLeastRequest, Endpoints(2), random);
  EXPECT_EQ(PickMany(*balancer, candidates, random, 100), (std::vector<int>{0, 100}));
  candidates.in_flight = {2, 3};
  EXPECT_EQ(PickMany(*balancer, candidates, random, 100), (std::vector<int>{100, 0}));
}

TEST(LeastRequest, LooksAtTwoOnly) {
  AtomicRandom random(12);
  FakeCandidates candidates(500);
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kLeastRequest, Endpoints(500), random);
  PickMany(*balancer, candidates, random, 1000);
  EXPECT_EQ(candidates.looks, 2000);
}

// Of five, one busier than all the others is never the better of two; the others are alike.
TEST(LeastRequest, NeverPicksTheBusiestAndLetsChanceDecideTies) {
  for (bool with_dead : {false, true}) {
    AtomicRandom random(13);
    FakeCandidates candidates(with_dead ? 7 : 5);
    candidates.in_flight[2] = 9;
    std::vector<double> shares(candidates.usable.size(), 1);
    shares[2] = 0;
    if (with_dead) {
      shares[5] = shares[6] = 0;
      candidates.usable[5] = candidates.usable[6] = 0;
    }
    std::unique_ptr<Balancer> balancer =
        MakeBalancer(LoadBalancing::kLeastRequest, Endpoints(candidates.usable.size()), random);
    const std::vector<int> counts = PickMany(*balancer, candidates, random, 40'000);
    EXPECT_EQ(counts[2], 0);
    EXPECT_LT(ChiSquare(counts, shares), 16.3) << "three degrees of freedom: one in a thousand";
  }
}

TEST(LeastRequest, SharesAlikeWhereMostAreDead) {
  AtomicRandom random(14);
  FakeCandidates candidates(50);
  candidates.usable.assign(50, 0);
  std::vector<double> shares(50, 0);
  for (std::size_t alive : {0U, 1U, 17U, 30U, 49U}) {
    candidates.usable[alive] = 1;
    shares[alive] = 1;
  }
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kLeastRequest, Endpoints(50), random);
  EXPECT_LT(ChiSquare(PickMany(*balancer, candidates, random, 20'000), shares), 18.5)
      << "four degrees of freedom: one in a thousand";
}

TEST(WeightedRoundRobin, FollowsTheWeights) {
  AtomicRandom random(15);
  FakeCandidates candidates(4);
  candidates.weights = {1, 2, 3, 4};
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(4), random);
  const std::vector<int> counts = PickMany(*balancer, candidates, random, 10'000);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(counts[static_cast<std::size_t>(i)], 1000 * (i + 1), 5) << i;
}

TEST(WeightedRoundRobin, SpreadsTheTurnsOfEach) {
  AtomicRandom random(16);
  FakeCandidates candidates(3);
  candidates.weights = {1, 1, 2};
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(3), random);
  PickMany(*balancer, candidates, random, 100);
  for (int window = 0; window < 100; ++window) {
    const std::vector<int> counts = PickMany(*balancer, candidates, random, 8);
    EXPECT_NEAR(counts[0], 2, 1);
    EXPECT_NEAR(counts[1], 2, 1);
    EXPECT_NEAR(counts[2], 4, 1);
  }
}

// Each endpoint of half the weight has its turn in another round.
TEST(WeightedRoundRobin, PicksTheHeavyOneEverySecondTime) {
  AtomicRandom random(27);
  FakeCandidates candidates(3);
  candidates.weights = {1, 1, 2};
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(3), random);
  int in_a_row = 0;
  std::optional<std::size_t> last;
  for (int i = 0; i < 800; ++i) {
    const std::optional<std::size_t> index = balancer->Pick("", candidates, random);
    if (index == last) ++in_a_row;
    last = index;
  }
  EXPECT_LE(in_a_row, 2);
}

TEST(WeightedRoundRobin, IsRoundRobinWhileNothingIsKnown) {
  AtomicRandom random(17);
  FakeCandidates candidates(5);
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(5), random);
  EXPECT_THAT(PickMany(*balancer, candidates, random, 5000), Each(1000));
  EXPECT_EQ(candidates.looks, 5000);
  candidates.weights[1] = 0.001;
  EXPECT_THAT(PickMany(*balancer, candidates, random, 5000), Each(1000));
}

TEST(WeightedRoundRobin, TakesTheUnknownForTheMeanOfTheKnown) {
  AtomicRandom random(18);
  FakeCandidates candidates(5);
  candidates.weights = {2, 0, 6, std::numeric_limits<double>::infinity(),
                        std::numeric_limits<double>::quiet_NaN()};
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(5), random);
  const std::vector<int> counts = PickMany(*balancer, candidates, random, 20'000);
  EXPECT_NEAR(counts[0], 2000, 10);
  EXPECT_NEAR(counts[1], 4000, 10);
  EXPECT_NEAR(counts[2], 6000, 10);
  EXPECT_NEAR(counts[3], 4000, 10);
  EXPECT_NEAR(counts[4], 4000, 10);
}

TEST(WeightedRoundRobin, HearsOfNewWeightsWithinARoundOfPicks) {
  AtomicRandom random(19);
  FakeCandidates candidates(2);
  candidates.weights = {3, 1};
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(2), random);
  EXPECT_NEAR(PickMany(*balancer, candidates, random, 400)[0], 300, 3);
  candidates.weights = {1, 3};
  PickMany(*balancer, candidates, random, 32);
  EXPECT_NEAR(PickMany(*balancer, candidates, random, 400)[0], 100, 3);
}

TEST(WeightedRoundRobin, StarvesNobody) {
  AtomicRandom random(20);
  FakeCandidates candidates(4);
  candidates.weights = {1, 1, 1, 1e-9};
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(4), random);
  // The mean is three quarters, of which it gets a tenth.
  EXPECT_NEAR(PickMany(*balancer, candidates, random, 30'750)[3], 750, 10);
  FakeCandidates many(30);
  many.weights.assign(30, 1);
  many.weights[7] = 1e9;
  balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(30), random);
  const std::vector<int> counts = PickMany(*balancer, many, random, 39'000);
  // Ten times the mean against a tenth of it, in which the others are held.
  EXPECT_NEAR(counts[7], 39'000 * 10 / (10 + 29 * 0.1), 200);
}

TEST(WeightedRoundRobin, KeepsTheProportionsOfTheLightWhenTheHeavyAreOut) {
  AtomicRandom random(21);
  FakeCandidates candidates(6);
  candidates.weights = {100, 100, 100, 100, 20, 10};
  candidates.usable = {0, 0, 0, 0, 1, 1};
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(6), random);
  const std::vector<int> counts = PickMany(*balancer, candidates, random, 30'000);
  EXPECT_NEAR(counts[4], 20'000, 400);
  EXPECT_LT(candidates.looks, 30'000 * (6 + 12));
}

TEST(WeightedRoundRobin, NeverSearchesLongForALightOne) {
  AtomicRandom random(28);
  FakeCandidates candidates(30);
  candidates.weights.assign(30, 1);
  candidates.weights[7] = 1e9;
  candidates.usable.assign(30, 0);
  candidates.usable[20] = 1;
  std::unique_ptr<Balancer> balancer =
      MakeBalancer(LoadBalancing::kWeightedRoundRobin, Endpoints(30), random);
  EXPECT_EQ(PickMany(*balancer, candidates, random, 1000)[20], 1000);
  EXPECT_LT(candidates.looks, 1000 * 36) << "two rounds of the schedule, and a look at each";
}

std::string Key(int number) {
  return "courier-" + std::to_string(number);
}

// The endpoint's name for each of so many keys.
std::vector<std::string> OwnersOf(int keys, const std::vector<std::string>& endpoints,
                                  const FakeCandidates& candidates) {
  AtomicRandom random(22);
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kRingHash, endpoints, random);
  std::vector<std::string> owners;
  for (int i = 0; i < keys; ++i) owners.push_back(endpoints.at(*balancer->Pick(Key(i), candidates, random)));
  return owners;
}

std::vector<std::string> OwnersOf(int keys, const std::vector<std::string>& endpoints) {
  return OwnersOf(keys, endpoints, FakeCandidates(endpoints.size()));
}

TEST(RingHash, KeepsAKeyOnItsEndpointInWhateverOrderTheEndpointsStand) {
  std::vector<std::string> endpoints = Endpoints(9);
  const std::vector<std::string> owners = OwnersOf(2000, endpoints);
  EXPECT_EQ(OwnersOf(2000, endpoints), owners);
  std::reverse(endpoints.begin(), endpoints.end());
  EXPECT_EQ(OwnersOf(2000, endpoints), owners);
}

// Fixed for good: another version, or another process, must agree.
TEST(RingHash, NeverMovesAKeyFromVersionToVersion) {
  const std::vector<std::string> owners = OwnersOf(
      8, {"10.0.0.1:50051", "10.0.0.2:50051", "10.0.0.3:50051", "[::1]:50051", "unix:/run/dispatch"});
  EXPECT_EQ(owners, (std::vector<std::string>{"10.0.0.2:50051", "[::1]:50051", "10.0.0.1:50051",
                                              "10.0.0.3:50051", "unix:/run/dispatch", "unix:/run/dispatch",
                                              "unix:/run/dispatch", "10.0.0.2:50051"}));
}

TEST(RingHash, SharesTheKeysEvenly) {
  for (std::size_t count : {2U, 10U, 100U}) {
    AtomicRandom random(23);
    FakeCandidates candidates(count);
    std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kRingHash, Endpoints(count), random);
    std::vector<int> counts(count, 0);
    for (int i = 0; i < 100'000; ++i) ++counts[*balancer->Pick(Key(i), candidates, random)];
    const double fair = 100'000.0 / static_cast<double>(count);
    EXPECT_LT(*std::max_element(counts.begin(), counts.end()), fair * 1.3) << count;
    EXPECT_GT(*std::min_element(counts.begin(), counts.end()), fair * 0.7) << count;
  }
}

TEST(RingHash, MovesOnlyTheKeysThatMustWhenAnEndpointComesOrGoes) {
  constexpr int kKeys = 100'000;
  for (std::size_t count : {2U, 3U, 5U, 10U, 50U}) {
    const std::vector<std::string> larger = Endpoints(count);
    const std::vector<std::string> smaller(larger.begin(), larger.end() - 1);
    const std::vector<std::string> before = OwnersOf(kKeys, larger);
    const std::vector<std::string> after = OwnersOf(kKeys, smaller);
    int moved = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i] == after[i]) continue;
      ++moved;
      ASSERT_EQ(before[i], larger.back()) << "moved from an endpoint that stayed";
    }
    EXPECT_LT(moved, kKeys * 1.5 / static_cast<double>(count)) << count;
    EXPECT_GT(moved, kKeys * 0.5 / static_cast<double>(count)) << count;
  }
}

TEST(RingHash, SpreadsTheKeysOfTheDeadAndLeavesTheOthers) {
  const std::vector<std::string> endpoints = Endpoints(10);
  FakeCandidates candidates(10);
  const std::vector<std::string> before = OwnersOf(50'000, endpoints, candidates);
  candidates.usable[4] = 0;
  const std::vector<std::string> after = OwnersOf(50'000, endpoints, candidates);
  std::set<std::string> heirs;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == endpoints[4]) {
      heirs.insert(after[i]);
    } else {
      ASSERT_EQ(before[i], after[i]);
    }
  }
  EXPECT_EQ(heirs.size(), 9U);
}

TEST(RingHash, GivesTheSameKeyTheSameHeirAsIfTheEndpointWereGone) {
  const std::vector<std::string> endpoints = Endpoints(6);
  FakeCandidates candidates(6);
  candidates.usable[5] = 0;
  EXPECT_EQ(OwnersOf(20'000, endpoints, candidates),
            OwnersOf(20'000, std::vector<std::string>(endpoints.begin(), endpoints.end() - 1)));
}

TEST(RingHash, SendsCallsWithoutAKeyAnywhere) {
  AtomicRandom random(24);
  FakeCandidates candidates(4);
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kRingHash, Endpoints(4), random);
  for (int count : PickMany(*balancer, candidates, random, 40'000)) EXPECT_NEAR(count, 10'000, 2500);
}

TEST(RingHash, LooksAtOneEndpointWhileItIsUsable) {
  AtomicRandom random(25);
  FakeCandidates candidates(500);
  std::unique_ptr<Balancer> balancer = MakeBalancer(LoadBalancing::kRingHash, Endpoints(500), random);
  for (int i = 0; i < 1000; ++i) balancer->Pick(Key(i), candidates, random);
  EXPECT_EQ(candidates.looks, 1000);
  candidates.usable.assign(500, 0);
  candidates.looks = 0;
  balancer->Pick("courier-1", candidates, random);
  EXPECT_EQ(candidates.looks, 501) << "none is usable, which takes a look at each";
}

}  // namespace
}  // namespace dispatchctl::internal
