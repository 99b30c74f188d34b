#include "service.h"

#include <algorithm>
#include <utility>

namespace dispatchctl::sim {
namespace {

using Seconds = std::chrono::duration<double>;

double SecondsBetween(Time from, Time to) {
  return std::max(Seconds(to - from).count(), 0.0);
}

Time Later(Time time, double seconds) {
  return time + std::chrono::duration_cast<std::chrono::nanoseconds>(Seconds(seconds));
}

double CompletedBetween(const Backend& backend, Time from, Time to) {
  const double in_fault =
      SecondsBetween(std::max(from, backend.fault_start), std::min(to, backend.fault_end));
  const double healthy = SecondsBetween(from, to) - in_fault;
  return backend.capacity * (healthy + backend.fault.capacity_factor * in_fault);
}

Time WhenCompleted(const Backend& backend, Time from, double requests) {
  double left = requests;
  for (const Time change : {backend.fault_start, backend.fault_end}) {
    if (from >= change) continue;
    const double until_then = CompletedBetween(backend, from, change);
    if (left < until_then) break;
    left -= until_then;
    from = change;
  }
  const double factor = backend.InFault(from) ? backend.fault.capacity_factor : 1.0;
  return Later(from, left / (backend.capacity * factor));
}

}  // namespace

Service::Service(const ServiceOptions& options, std::vector<Backend> backends)
    : options_(options), backends_(std::move(backends)), queues_(backends_.size()) {}

Service::Answer Service::Send(std::size_t endpoint, Time now, internal::RandomSource& random) {
  const Backend& backend = backends_[endpoint];
  const Fault& fault = backend.fault;
  const bool in_fault = backend.InFault(now);
  const Answer refused{now + options_.round_trip, false};
  constexpr Answer kNever{Time::max(), false};
  if (in_fault && fault.silent) return kNever;
  if (in_fault && (fault.refuses_all || fault.away)) return refused;
  if (in_fault && random.Unit() < fault.failing_share) return refused;
  Queue& queue = queues_[endpoint];
  queue.waiting = std::max(queue.waiting - CompletedBetween(backend, queue.since, now), 0.0);
  queue.since = now;
  if (queue.waiting >= backend.capacity * options_.queue_seconds) return refused;
  queue.waiting += 1;

  const Answer answer{WhenCompleted(backend, now, queue.waiting) + options_.round_trip +
                          (in_fault ? fault.extra_latency : std::chrono::nanoseconds(0)),
                      true};
  if (fault.silent && backend.InFault(answer.at)) return kNever;
  const Time gone = backend.fault_start + fault.drain;
  if (fault.away && now < backend.fault_start && answer.at > gone) return {gone, false};
  return answer;
}

}  // namespace dispatchctl::sim
