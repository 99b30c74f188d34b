#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "endpoints/random.h"
#include "event_queue.h"

namespace dispatchctl::sim {

// What is wrong with a service for a while, on all its endpoints.
struct Fault {
  bool refuses_all = false;
  double failing_share = 0;    // of the requests: UNAVAILABLE at once
  double capacity_factor = 1;  // greater than 0
};

struct ServiceOptions {
  std::size_t endpoints = 3;
  double capacity = 1000;  // requests a second that one endpoint completes
  std::chrono::nanoseconds round_trip = std::chrono::milliseconds(2);

  // Requests that wait for an endpoint, in seconds of its full capacity; UNAVAILABLE at once beyond it.
  double queue_seconds = 2;
};

// A service as a queue in front of each endpoint. A request that its client has given up keeps its place in
// the queue and costs as much as any other: that is what turns overload into an outage that outlives its
// cause.
class Service {
 public:
  // The fault lasts from `fault_start` to `fault_end`.
  Service(const ServiceOptions& options, const Fault& fault, Time fault_start, Time fault_end);

  struct Answer {
    Time at;
    bool ok = false;  // else UNAVAILABLE
  };

  // A request of now, and what comes back when. Requests come in the order of their times.
  Answer Send(std::size_t endpoint, Time now, internal::RandomSource& random);

 private:
  struct Queue {
    double waiting = 0;  // requests, as of `since`
    Time since;
  };

  bool InFault(Time time) const { return time >= fault_start_ && time < fault_end_; }
  double CompletedBetween(Time from, Time to) const;
  Time WhenCompleted(Time from, double requests) const;

  const ServiceOptions options_;
  const Fault fault_;
  const Time fault_start_;
  const Time fault_end_;
  std::vector<Queue> queues_;
};

}  // namespace dispatchctl::sim
