#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatchctl/load_balancing.h"
#include "endpoints/random.h"

namespace dispatchctl::internal {

// What is known of each endpoint now, by its index.
class BalancerCandidates {
 public:
  virtual bool Usable(std::size_t index) const = 0;
  virtual std::uint64_t InFlight(std::size_t index) const = 0;
  virtual double Weight(std::size_t index) const = 0;  // more than 0, or 0 where nothing is known yet

 protected:
  ~BalancerCandidates() = default;
};

// Which endpoint a call goes to, of one set of endpoints; a new set gets a new balancer. Thread-safe and
// lock-free.
class Balancer {
 public:
  Balancer() = default;
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;
  virtual ~Balancer() = default;

  // nullopt: none is usable. `key`: what the call is about; calls of one key go to one endpoint where the
  // policy is a ring. `random`: shared by threads only if it allows it.
  virtual std::optional<std::size_t> Pick(std::string_view key, const BalancerCandidates& candidates,
                                          RandomSource& random) = 0;
};

// Round robin: the turn starts anywhere, so that many clients do not begin with the same endpoint, and goes
// not to the next of the list but to one far from it, so that a zone whose endpoints stand together is met
// now and then; who is not usable loses the turn to nobody in particular.
//
// Least request: the one with fewer calls in flight of two usable ones drawn at random, by chance if they
// have as many.
//
// Weighted round robin: the static stride scheduler of gRFC A58. Weights are read once per round of picks, at
// least every 32; what is unknown weighs as the mean of what is known; a weight is held between a tenth and
// ten times of the mean, so that an endpoint that was slow is still seen to recover.
//
// Ring hash: gRFC A42 with 512 points an endpoint, 1024 to 8 Mi in all, placed by XXH64 of the endpoint's
// name: the same key meets the same endpoint in every process that knows the same set, in whatever order. An
// empty key goes to a random point.
std::unique_ptr<Balancer> MakeBalancer(LoadBalancing policy, const std::vector<std::string>& endpoints,
                                       RandomSource& random);

}  // namespace dispatchctl::internal
