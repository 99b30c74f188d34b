#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dispatchctl/circuit_breaker.h"
#include "dispatchctl/retry.h"
#include "service.h"

namespace dispatchctl::sim {

// What clients do about failures. The policies are the client library's own, with its defaults.
struct Variant {
  std::string name;
  bool retries = false;
  bool budget = false;
  bool breaker = false;
};

// No retries; retries alone; with a budget; with a budget and breakers.
std::vector<Variant> Variants();

struct Scenario {
  std::string name;
  Fault fault;
};

// Everything refuses.
Scenario FullOutage();

// A fifth of the requests fails and capacity is short of the load.
Scenario BrownOut();

struct SimulationOptions {
  std::size_t clients = 2000;
  std::size_t endpoints = 3;
  double calls_per_second = 5;  // of each client, at random times
  double headroom = 1.5;        // capacity of all endpoints together over the load

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

struct Second {
  std::uint64_t calls = 0;      // started in it
  std::uint64_t successes = 0;  // of these calls
  std::uint64_t attempts = 0;   // sent in it
};

struct Report {
  std::vector<Second> seconds;

  std::uint64_t calls = 0;
  std::uint64_t attempts = 0;

  double amplification = 0;        // attempts over calls, of the whole run
  double fault_amplification = 0;  // during the fault
  double fault_success = 0;        // share of the calls started during the fault
  double normal_rate = 0;          // attempts a second before the fault, on average
  double peak_in_fault = 0;        // attempts of the busiest second, over the normal rate
  double peak_after_fault = 0;

  // From the end of the fault to the first of five seconds in a row whose calls succeed to 99 %; unset:
  // never.
  std::optional<std::chrono::seconds> recovery;

  // Of the client for which it is largest: retries during the fault, and by how much all its retries exceed
  // what its successes had earned (gRFC A6 bounds that by half of the tokens).
  std::uint64_t most_retries_in_fault = 0;
  double most_unearned_retries = 0;
};

// The same for the same input.
Report Simulate(const SimulationOptions& options, const Scenario& scenario, const Variant& variant);

}  // namespace dispatchctl::sim
