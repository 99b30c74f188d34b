#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "event_queue.h"

namespace dispatchctl::sim {

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
  double after_success = 0;        // and after it
  double normal_rate = 0;          // attempts a second before the fault, on average
  double peak_in_fault = 0;        // attempts of the busiest second, over the normal rate
  double peak_after_fault = 0;

  // From the end of the fault to the first of five seconds in a row whose calls succeed to 99 %; unset:
  // never.
  std::optional<std::chrono::seconds> recovery;

  // Of the calls that were started during the fault and succeeded.
  std::chrono::nanoseconds median_latency{0};
  std::chrono::nanoseconds p99_latency{0};

  // How evenly the endpoints were loaded during the fault, of those without a fault if there are any:
  // attempts over capacity, the most of any over the mean, and Jain's index, 1 for all alike, 1/n for all on
  // one.
  double load_max_over_mean = 0;
  double load_jain = 0;

  // How evenly clients were served during the fault: the share of its calls that succeeded, of the client
  // than which 1 % fare worse, and of the one that fared worst.
  double client_p1_success = 0;
  double client_worst_success = 0;

  // Of the client for which it is largest: retries during the fault, and by how much all its retries exceed
  // what its successes had earned (gRFC A6 bounds that by half of the tokens).
  std::uint64_t most_retries_in_fault = 0;
  double most_unearned_retries = 0;
};

// Counts what happens in a run, and says what it comes to.
class Tally {
 public:
  struct Period {
    Time start;
    Time fault_start;
    Time fault_end;
    Time end;
  };

  // `capacities`: of the endpoints. `judged`: which of them the evenness of their load is judged by.
  Tally(const Period& period, std::size_t clients, std::vector<double> capacities, std::vector<bool> judged);

  void OnCall(std::size_t client, Time now);
  void OnAttempt(std::size_t client, std::size_t endpoint, bool retry, Time now);
  // `started`: when the call did.
  void OnSuccess(std::size_t client, Time started, Time now);

  // `token_ratio`: what a success earns.
  Report MakeReport(double token_ratio) const;

 private:
  struct OfClient {
    std::uint32_t calls_in_fault = 0;
    std::uint32_t successes_in_fault = 0;
    std::uint32_t successes = 0;
    std::uint32_t retries = 0;
    std::uint32_t retries_in_fault = 0;
  };

  std::size_t SecondOf(Time time) const {
    return static_cast<std::size_t>((time - period_.start) / std::chrono::seconds(1));
  }
  bool InFault(Time time) const { return time >= period_.fault_start && time < period_.fault_end; }
  bool Recovered(std::size_t second) const;
  void ReportSeconds(Report& report) const;
  void ReportLoad(Report& report) const;
  void ReportClients(Report& report, double token_ratio) const;

  const Period period_;
  const std::vector<double> capacities_;
  const std::vector<bool> judged_;
  std::vector<Second> seconds_;
  std::uint64_t attempts_ = 0;
  std::vector<OfClient> clients_;
  std::vector<std::uint64_t> loads_;                 // attempts during the fault, by endpoint
  std::vector<std::chrono::nanoseconds> latencies_;  // of calls started during the fault
};

}  // namespace dispatchctl::sim
