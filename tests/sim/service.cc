#include "service.h"

#include <algorithm>

namespace dispatchctl::sim {
namespace {

using Seconds = std::chrono::duration<double>;

double SecondsBetween(Time from, Time to) {
  return std::max(Seconds(to - from).count(), 0.0);
}

Time Later(Time time, double seconds) {
  return time + std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(seconds));
}

}  // namespace

Service::Service(const ServiceOptions& options, const Fault& fault, Time fault_start, Time fault_end)
    : options_(options),
      fault_(fault),
      fault_start_(fault_start),
      fault_end_(fault_end),
      queues_(options.endpoints) {}

Service::Answer Service::Send(std::size_t endpoint, Time now, internal::RandomSource& random) {
  const Answer refused{now + options_.round_trip, false};
  if (InFault(now) && (fault_.refuses_all || random.Unit() < fault_.failing_share)) return refused;
  Queue& queue = queues_[endpoint];
  queue.waiting = std::max(queue.waiting - CompletedBetween(queue.since, now), 0.0);
  queue.since = now;
  if (queue.waiting >= options_.capacity * options_.queue_seconds) return refused;
  queue.waiting += 1;
  return {WhenCompleted(now, queue.waiting) + options_.round_trip, true};
}

double Service::CompletedBetween(Time from, Time to) const {
  const double in_fault = SecondsBetween(std::max(from, fault_start_), std::min(to, fault_end_));
  const double healthy = SecondsBetween(from, to) - in_fault;
  return options_.capacity * (healthy + fault_.capacity_factor * in_fault);
}

Time Service::WhenCompleted(Time from, double requests) const {
  double left = requests;
  for (const Time change : {fault_start_, fault_end_}) {
    if (from >= change) continue;
    const double until_then = CompletedBetween(from, change);
    if (left < until_then) break;
    left -= until_then;
    from = change;
  }
  return Later(from, left / (options_.capacity * (InFault(from) ? fault_.capacity_factor : 1.0)));
}

}  // namespace dispatchctl::sim
