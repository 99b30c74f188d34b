#include "endpoints/balancer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <numeric>
#include <utility>

#include "contract/key_hash.h"

namespace dispatchctl::internal {
namespace {

// The usable index at `from` or next after it, going round.
std::optional<std::size_t> NextUsable(std::size_t from, std::size_t count,
                                      const BalancerCandidates& candidates) {
  for (std::size_t step = 0; step < count; ++step) {
    const std::size_t index = (from + step) % count;
    if (candidates.Usable(index)) return index;
  }
  return std::nullopt;
}

// Each of `count` endpoints once in as many turns. Lists often name one zone's endpoints after the other's,
// as resolvers sort by prefix: turns that follow each other come to places far apart (the golden ratio), lest
// a client meet a zone that fails as one long outage, retries and all.
class Turns {
 public:
  explicit Turns(std::size_t count)
      : count_(count), stride_(static_cast<std::size_t>(static_cast<double>(count) * 0.618)) {
    while (std::gcd(stride_, count_) > 1) ++stride_;
  }

  std::size_t operator[](std::uint64_t turn) const { return turn % count_ * stride_ % count_; }

 private:
  const std::size_t count_;
  std::size_t stride_;
};

class RoundRobin final : public Balancer {
 public:
  RoundRobin(std::size_t count, RandomSource& random)
      : count_(count), turns_(count), turn_(count == 0 ? 0 : random.Below(count)) {}

  std::optional<std::size_t> Pick(std::string_view, const BalancerCandidates& candidates,
                                  RandomSource&) override {
    std::size_t index = 0;
    // Another turn rather than the next index: the endpoint after a dead one would serve for both.
    for (std::size_t tries = 0; tries < count_; ++tries) {
      index = turns_[turn_.fetch_add(1, std::memory_order_relaxed)];
      if (candidates.Usable(index)) return index;
    }
    // Other threads may have had the turns of those that are usable.
    return NextUsable(index, count_, candidates);
  }

 private:
  const std::size_t count_;
  const Turns turns_;
  std::atomic<std::uint64_t> turn_;
};

class PickFirst final : public Balancer {
 public:
  explicit PickFirst(std::size_t count) : count_(count) {}

  std::optional<std::size_t> Pick(std::string_view, const BalancerCandidates& candidates,
                                  RandomSource&) override {
    return NextUsable(0, count_, candidates);
  }

 private:
  const std::size_t count_;
};

class LeastRequest final : public Balancer {
 public:
  explicit LeastRequest(std::size_t count) : count_(count) {}

  std::optional<std::size_t> Pick(std::string_view, const BalancerCandidates& candidates,
                                  RandomSource& random) override {
    if (count_ >= 2) {
      const std::size_t first = random.Below(count_);
      std::size_t second = random.Below(count_ - 1);
      if (second >= first) ++second;
      if (candidates.Usable(first) && candidates.Usable(second)) {
        return LessBusy(first, second, candidates, random);
      }
    }
    return PickOfUsable(candidates, random);
  }

 private:
  static std::size_t LessBusy(std::size_t a, std::size_t b, const BalancerCandidates& candidates,
                              RandomSource& random) {
    const std::uint64_t of_a = candidates.InFlight(a);
    const std::uint64_t of_b = candidates.InFlight(b);
    if (of_a == of_b) return random.Below(2) == 0 ? a : b;
    return of_a < of_b ? a : b;
  }

  // Draws two of those that are usable in one pass (reservoir sampling).
  std::optional<std::size_t> PickOfUsable(const BalancerCandidates& candidates, RandomSource& random) const {
    std::array<std::size_t, 2> drawn{};
    std::size_t usable = 0;
    for (std::size_t index = 0; index < count_; ++index) {
      if (!candidates.Usable(index)) continue;
      const std::size_t place = usable < drawn.size() ? usable : random.Below(usable + 1);
      if (place < drawn.size()) drawn[place] = index;
      ++usable;
    }
    if (usable == 0) return std::nullopt;
    if (usable == 1) return drawn[0];
    return LessBusy(drawn[0], drawn[1], candidates, random);
  }

  const std::size_t count_;
};

class WeightedRoundRobin final : public Balancer {
 public:
  WeightedRoundRobin(std::size_t count, RandomSource& random)
      : weights_(count),
        rebuild_every_(std::max(count, kLeastPicksPerSchedule)),
        turns_(count),
        turn_(random.Next() >> 32U) {
    for (std::atomic<std::uint16_t>& weight : weights_) weight.store(kMaxWeight, std::memory_order_relaxed);
  }

  std::optional<std::size_t> Pick(std::string_view, const BalancerCandidates& candidates,
                                  RandomSource& random) override {
    const std::size_t count = weights_.size();
    if (count == 0) return std::nullopt;
    if (picks_.fetch_add(1, std::memory_order_relaxed) % rebuild_every_ == 0) Rebuild(candidates);
    // Enough turns for the heaviest endpoint to have had one.
    for (std::size_t tries = 0; tries < 2 * count; ++tries) {
      const std::uint64_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
      const std::size_t index = turns_[turn];
      if (HasTurn(index, turn / count) && candidates.Usable(index)) return index;
    }
    return Draw(candidates, random);
  }

 private:
  static constexpr std::uint64_t kMaxWeight = 65535;
  static constexpr double kGreatestShareOfMean = 10;
  static constexpr double kLeastShareOfMean = 0.1;
  static constexpr std::size_t kLeastPicksPerSchedule = 32;

  // In each round an endpoint moves on by its weight, and is picked when that takes it past a multiple of the
  // greatest. The offsets keep endpoints of one weight from being picked in the same rounds.
  bool HasTurn(std::size_t index, std::uint64_t round) const {
    const std::uint64_t weight = weights_[index].load(std::memory_order_relaxed);
    const std::uint64_t offset = kMaxWeight / 2 * index;
    return (weight * round + offset) % kMaxWeight >= kMaxWeight - weight;
  }

  // Each weight stands by itself: threads that pick meanwhile, or rebuild as well, see some old and some new.
  void Rebuild(const BalancerCandidates& candidates) {
    std::size_t known = 0;
    double sum = 0;
    double greatest = 0;
    for (std::size_t index = 0; index < weights_.size(); ++index) {
      const double weight = WeightOf(index, candidates);
      if (weight <= 0) continue;
      ++known;
      sum += weight;
      greatest = std::max(greatest, weight);
    }
    const double mean = known == 0 ? 1 : sum / static_cast<double>(known);
    greatest = known == 0 ? mean : std::min(greatest, mean * kGreatestShareOfMean);
    for (std::size_t index = 0; index < weights_.size(); ++index) {
      const double weight = WeightOf(index, candidates);
      const double bounded =
          weight <= 0 ? mean : std::clamp(weight, mean * kLeastShareOfMean, mean * kGreatestShareOfMean);
      const double scaled = std::round(std::min(bounded / greatest, 1.0) * kMaxWeight);
      weights_[index].store(static_cast<std::uint16_t>(std::max(scaled, 1.0)), std::memory_order_relaxed);
    }
  }

  static double WeightOf(std::size_t index, const BalancerCandidates& candidates) {
    const double weight = candidates.Weight(index);
    return std::isfinite(weight) ? weight : 0;
  }

  // In proportion to the weights of those that are usable: the schedule would take many rounds to come to a
  // light one when the heavy ones are out.
  std::optional<std::size_t> Draw(const BalancerCandidates& candidates, RandomSource& random) const {
    std::optional<std::size_t> drawn;
    std::uint64_t sum = 0;
    for (std::size_t index = 0; index < weights_.size(); ++index) {
      if (!candidates.Usable(index)) continue;
      const std::uint64_t weight = weights_[index].load(std::memory_order_relaxed);
      sum += weight;
      if (random.Below(sum) < weight) drawn = index;
    }
    return drawn;
  }

  std::vector<std::atomic<std::uint16_t>> weights_;
  const std::uint64_t rebuild_every_;
  const Turns turns_;
  std::atomic<std::uint64_t> turn_;
  std::atomic<std::uint64_t> picks_{0};
};

class RingHash final : public Balancer {
 public:
  explicit RingHash(const std::vector<std::string>& endpoints) : count_(endpoints.size()) {
    if (endpoints.empty()) return;
    // As many for every set of two or more: an endpoint that comes takes no points from the others.
    const std::size_t points =
        std::clamp(kMostPoints / count_, std::size_t{1}, count_ == 1 ? kLeastPoints : kPointsPerEndpoint);
    ring_.reserve(points * count_);
    std::string name;
    for (std::size_t index = 0; index < count_; ++index) {
      name = endpoints[index] + '_';
      const std::size_t prefix = name.size();
      for (std::size_t point = 0; point < points; ++point) {
        name.resize(prefix);
        name += std::to_string(point);
        ring_.push_back({KeyHash(name), static_cast<std::uint32_t>(index)});
      }
    }
    std::sort(ring_.begin(), ring_.end(), [](const Point& a, const Point& b) { return a.hash < b.hash; });
  }

  std::optional<std::size_t> Pick(std::string_view key, const BalancerCandidates& candidates,
                                  RandomSource& random) override {
    if (ring_.empty()) return std::nullopt;
    const std::uint64_t hash = key.empty() ? random.Next() : KeyHash(key);
    const auto at =
        std::lower_bound(ring_.begin(), ring_.end(), hash,
                         [](const Point& point, std::uint64_t wanted) { return point.hash < wanted; });
    const std::size_t start = at == ring_.end() ? 0 : static_cast<std::size_t>(at - ring_.begin());
    if (candidates.Usable(ring_[start].endpoint)) return ring_[start].endpoint;
    // A look at each endpoint is cheaper than at each point, should none be usable.
    if (!NextUsable(0, count_, candidates)) return std::nullopt;
    for (std::size_t step = 1; step < ring_.size(); ++step) {
      const std::uint32_t endpoint = ring_[(start + step) % ring_.size()].endpoint;
      if (candidates.Usable(endpoint)) return endpoint;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kLeastPoints = 1024;
  static constexpr std::size_t kMostPoints = std::size_t{8} << 20U;
  static constexpr std::size_t kPointsPerEndpoint = 512;

  struct Point {
    std::uint64_t hash;
    std::uint32_t endpoint;
  };

  const std::size_t count_;
  std::vector<Point> ring_;  // by hash
};

}  // namespace

std::unique_ptr<Balancer> MakeBalancer(LoadBalancing policy, const std::vector<std::string>& endpoints,
                                       RandomSource& random) {
  switch (policy) {
    case LoadBalancing::kRoundRobin:
      break;
    case LoadBalancing::kPickFirst:
      return std::make_unique<PickFirst>(endpoints.size());
    case LoadBalancing::kLeastRequest:
      return std::make_unique<LeastRequest>(endpoints.size());
    case LoadBalancing::kWeightedRoundRobin:
      return std::make_unique<WeightedRoundRobin>(endpoints.size(), random);
    case LoadBalancing::kRingHash:
      return std::make_unique<RingHash>(endpoints);
  }
  return std::make_unique<RoundRobin>(endpoints.size(), random);
}

}  // namespace dispatchctl::internal
