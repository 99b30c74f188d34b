#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "endpoints/random.h"
#include "event_queue.h"

namespace dispatchctl::sim {

// What is wrong with an endpoint for a while.
struct Fault {
  bool refuses_all = false;
  double failing_share = 0;    // of the requests: UNAVAILABLE at once
  double capacity_factor = 1;  // greater than 0
  std::chrono::nanoseconds extra_latency{0};

  // Nothing comes back, and nobody is told: packets are lost on the way.
  bool silent = false;

  // The process goes: it takes nothing new, has `drain` to answer what it has, and what it has not answered
  // by then is lost. Its clients lose their connections to it.
  bool away = false;
  std::chrono::nanoseconds drain{0};
};

// One endpoint, and its fault from `fault_start` to `fault_end`.
struct Backend {
  double capacity = 1000;  // requests a second that it completes
  Fault fault;
  Time fault_start;
  Time fault_end;

  bool InFault(Time time) const { return time >= fault_start && time < fault_end; }
};

struct ServiceOptions {
  std::chrono::nanoseconds round_trip = std::chrono::milliseconds(2);

  // Requests that wait for an endpoint, in seconds of its full capacity; UNAVAILABLE at once beyond it.
  double queue_seconds = 2;
};

// A service as a queue in front of each endpoint. A request that its client has given up keeps its place in
// the queue and costs as much as any other: that is what turns overload into an outage that outlives its
// cause.
class Service {
 public:
  Service(const ServiceOptions& options, std::vector<Backend> backends);

  const std::vector<Backend>& backends() const { return backends_; }

  struct Answer {
    Time at;          // Time::max(): never
    bool ok = false;  // else UNAVAILABLE
  };

  // A request of now, and what comes back when. Requests come in the order of their times.
  Answer Send(std::size_t endpoint, Time now, internal::RandomSource& random);

 private:
  struct Queue {
    double waiting = 0;  // requests, as of `since`
    Time since;
  };

  const ServiceOptions options_;
  const std::vector<Backend> backends_;
  std::vector<Queue> queues_;
};

}  // namespace dispatchctl::sim
