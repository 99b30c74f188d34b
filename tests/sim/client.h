#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>
#include <absl/functional/function_ref.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "call/hedge_budget.h"
#include "call/retry_budget.h"
#include "dispatchctl/circuit_breaker.h"
#include "dispatchctl/load_balancing.h"
#include "dispatchctl/retry.h"
#include "endpoints/balancer.h"
#include "endpoints/circuit_breaker.h"
#include "endpoints/random.h"
#include "event_queue.h"

namespace dispatchctl::sim {

// Whether an endpoint, by its number in the service, is connected.
using IsReady = absl::FunctionRef<bool(std::uint32_t endpoint)>;

// Endpoints that a call has tried, by their number in the service.
using TriedEndpoints = absl::InlinedVector<std::uint32_t, 4>;

// What all clients have in common.
struct ClientSettings {
  RetryThrottling throttling;
  CircuitBreakerOptions breaker;
  LoadBalancing load_balancing = LoadBalancing::kRoundRobin;
};

// One client's part of a call's decisions: the client library's own budgets, balancer and breakers.
//
// What it knows of an endpoint is made when it first sends there, if anybody is to ask for it, and forgotten
// when nothing of it can matter any more: thousands of clients with a breaker for each of hundreds of
// endpoints would fill gigabytes.
class Client {
 public:
  // `endpoints`: those it may send to, by their number in the service. They, `settings`, `random` and a
  // shared `balancer` outlive it.
  Client(const ClientSettings& settings, std::span<const std::uint32_t> endpoints,
         std::shared_ptr<internal::Balancer> balancer, internal::RandomSource& random);

  struct Pick {
    std::uint32_t endpoint = 0;
    internal::CircuitBreaker::Permit permit;
  };
  struct PickRequest {
    std::string_view key;
    const TriedEndpoints& tried;
    bool untried_only = false;
    Time now;
    Time deadline;
  };

  // An endpoint that was not tried before, else, unless the request forbids it, one that was. nullopt: none
  // is ready whose breaker lets the attempt through. The attempt counts as begun.
  std::optional<Pick> PickEndpoint(const PickRequest& request, IsReady is_ready);

  // `latency`: of an answer.
  void OnAttemptDone(std::uint32_t endpoint, internal::CircuitBreaker::Permit permit,
                     internal::Verdict verdict, std::optional<std::chrono::nanoseconds> latency, Time now);

  internal::RetryBudget budget;
  internal::HedgeBudget hedge_budget;
  std::uint64_t calls_in_flight = 0;

 private:
  struct EndpointState {
    std::unique_ptr<internal::CircuitBreaker> breaker;
    std::uint32_t in_flight = 0;
    Time last_used;

    // What the library's tracker is to be told when it is asked: itself it is two kilobytes.
    absl::InlinedVector<std::chrono::nanoseconds, 1> latencies;
  };
  class Candidates;

  bool KeepsState() const;
  const EndpointState* Find(std::uint32_t endpoint) const;
  EndpointState& FindOrMake(std::uint32_t endpoint, Time now);
  void ForgetIdle(Time now);

  const ClientSettings& settings_;
  const std::span<const std::uint32_t> endpoints_;
  const std::shared_ptr<internal::Balancer> balancer_;
  internal::RandomSource& random_;
  absl::flat_hash_map<std::uint32_t, EndpointState> states_;
  std::size_t forget_at_ = 8;
};

}  // namespace dispatchctl::sim
