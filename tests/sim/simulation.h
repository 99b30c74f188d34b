#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dispatchctl/circuit_breaker.h"
#include "dispatchctl/hedging.h"
#include "dispatchctl/load_balancing.h"
#include "dispatchctl/retry.h"
#include "report.h"
#include "service.h"

namespace dispatchctl::sim {

// What clients do about failures. The policies are the client library's own, with its defaults.
struct Variant {
  std::string name;
  bool retries = false;
  bool budget = false;
  bool breaker = false;
  LoadBalancing load_balancing = LoadBalancing::kRoundRobin;
  HedgingPolicy hedging = {};  // kAutomatic, which takes a pool's statistics, is taken as kOff
};

// No retries; retries alone; with a budget; with a budget and breakers.
std::vector<Variant> Variants();

// What goes wrong with which endpoints.
struct Scenario {
  std::string name;
  Fault fault;

  // Endpoints are spread over so many zones, of which the first has the fault: the list of them goes round
  // the zones, or names one zone after the other.
  std::size_t zones = 1;
  bool list_is_by_zone = false;

  // Not all at once but in turn, so many at a time, over the time of the fault; 0: all at once.
  std::size_t at_a_time = 0;

  // Endpoints differ: each has the capacity, in shares of their mean, of one of these in turn.
  std::vector<double> speeds = {1};
};

// Everything refuses.
Scenario FullOutage();

// A fifth of the requests fails and capacity is short of the load.
Scenario BrownOut();

struct SimulationOptions {
  std::size_t clients = 2000;
  std::size_t endpoints = 3;
  std::size_t endpoints_per_client = 0;  // a subset, so that all endpoints have as many clients; 0: all
  double calls_per_second = 5;           // of each client, at random times
  double headroom = 1.5;                 // capacity of all endpoints together over the load
  std::size_t couriers = 100000;         // whom calls are about, each as often as the others

  std::chrono::seconds before{30};
  std::chrono::seconds fault{60};
  std::chrono::seconds after{90};

  std::chrono::nanoseconds total_timeout = std::chrono::seconds(5);
  std::chrono::nanoseconds attempt_timeout = std::chrono::seconds(1);

  RetryPolicy retry;
  RetryThrottling throttling;
  CircuitBreakerOptions breaker;

  std::uint64_t seed = 1;
};

// The same for the same input.
Report Simulate(const SimulationOptions& options, const Scenario& scenario, const Variant& variant);

}  // namespace dispatchctl::sim
