#include "simulation.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <utility>

#include "call/hedge_plan.h"
#include "call/retry_budget.h"
#include "call/retry_policy.h"
#include "call/retry_state.h"
#include "client.h"
#include "connections.h"
#include "endpoints/balancer.h"
#include "endpoints/random.h"
#include "event_queue.h"

namespace dispatchctl::sim {
namespace {

using internal::AttemptFailure;
using internal::Balancer;
using internal::CircuitBreaker;
using internal::HedgePlan;
using internal::RetryBudget;
using internal::RetryState;
using internal::Verdict;

constexpr Time kStart{std::chrono::hours(1)};

// As LookupCall has it: when to look again for room for a retry.
constexpr std::chrono::milliseconds kRoomRetry{5};

struct Call {
  std::uint32_t serial = 0;  // of the calls that have been in this place
  std::size_t client = 0;
  Time started;
  Time deadline;
  std::string key;
  int attempts = 0;
  TriedEndpoints tried;
  std::optional<RetryState> retry;
  std::optional<HedgePlan> hedges;
  RetryBudget::Slot slot;  // of the attempt about to start
  absl::InlinedVector<std::uint32_t, 2> under_way;
};

struct Attempt {
  std::uint32_t serial = 0;
  std::uint32_t call = 0;
  std::uint32_t endpoint = 0;
  bool answered = false;  // else it times out
  bool ok = false;
  Time started;
  CircuitBreaker::Permit permit;
  RetryBudget::Slot slot;
};

struct Event {
  enum class Kind : std::uint8_t { kCallStarts, kAttemptEnds, kRetryStarts, kHedgeIsDue };
  Kind kind;
  std::uint32_t index;       // of the client, the attempt or the call
  std::uint32_t serial = 0;  // of the attempt or the call: it may be over by then
};

// Retries as if nobody counted them.
RetryThrottling Unlimited() {
  RetryThrottling throttling;
  throttling.max_tokens = 1e12;
  throttling.min_concurrent = std::numeric_limits<int>::max();
  return throttling;
}

Tally::Period PeriodOf(const SimulationOptions& options) {
  const Time fault_start = kStart + options.before;
  const Time fault_end = fault_start + options.fault;
  return {kStart, fault_start, fault_end, fault_end + options.after};
}

bool HasFault(const Scenario& scenario, std::size_t endpoint, std::size_t endpoints) {
  const std::size_t zone =
      scenario.list_is_by_zone ? endpoint * scenario.zones / endpoints : endpoint % scenario.zones;
  return zone == 0;
}

std::vector<Backend> BackendsOf(const SimulationOptions& options, const Scenario& scenario) {
  const Tally::Period period = PeriodOf(options);
  const double mean = options.headroom * options.calls_per_second * static_cast<double>(options.clients) /
                      static_cast<double>(options.endpoints);
  const std::size_t at_a_time = scenario.at_a_time == 0 ? options.endpoints : scenario.at_a_time;
  const std::size_t batches = (options.endpoints + at_a_time - 1) / at_a_time;
  const std::chrono::nanoseconds each = std::chrono::nanoseconds(options.fault) / batches;
  std::vector<Backend> backends(options.endpoints);
  for (std::size_t i = 0; i < backends.size(); ++i) {
    Backend& backend = backends[i];
    backend.capacity = mean * scenario.speeds[i % scenario.speeds.size()];
    if (!HasFault(scenario, i, options.endpoints)) continue;
    backend.fault = scenario.fault;
    backend.fault_start = period.fault_start + each * (i / at_a_time);
    backend.fault_end = backend.fault_start + each;
  }
  return backends;
}

Tally TallyFor(const SimulationOptions& options, const Scenario& scenario,
               const std::vector<Backend>& backends) {
  std::vector<double> capacities;
  std::vector<bool> healthy;
  for (std::size_t i = 0; i < backends.size(); ++i) {
    capacities.push_back(backends[i].capacity);
    healthy.push_back(!HasFault(scenario, i, options.endpoints));
  }
  if (std::find(healthy.begin(), healthy.end(), true) == healthy.end()) healthy.assign(healthy.size(), true);
  return {PeriodOf(options), options.clients, std::move(capacities), std::move(healthy)};
}

// Whom each client may send to: all, or a subset (deterministic subsetting, Site Reliability Engineering,
// chapter 20): in each round the endpoints are shuffled and dealt out to as many clients as they last for.
std::vector<std::vector<std::uint32_t>> SubsetsOf(const SimulationOptions& options,
                                                  internal::RandomSource& random) {
  std::vector<std::uint32_t> all(options.endpoints);
  std::iota(all.begin(), all.end(), 0U);
  const std::size_t size = options.endpoints_per_client;
  if (size == 0 || size >= options.endpoints) return {all};
  const std::size_t clients_per_round = options.endpoints / size;
  std::vector<std::vector<std::uint32_t>> subsets;
  while (subsets.size() < options.clients) {
    for (std::size_t i = all.size() - 1; i > 0; --i) std::swap(all[i], all[random.Below(i + 1)]);
    for (std::size_t i = 0; i < clients_per_round; ++i) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(i * size);
      subsets.emplace_back(from, from + static_cast<std::ptrdiff_t>(size));
    }
  }
  return subsets;
}

class Simulation {
 public:
  Simulation(const SimulationOptions& options, const Scenario& scenario, const Variant& variant)
      : options_(options),
        variant_(variant),
        end_(PeriodOf(options).end),
        settings_(SettingsOf(options, variant)),
        policy_(internal::Compile(PolicyOf(options, variant))),
        random_(options.seed),
        service_(service_options_, BackendsOf(options, scenario)),
        connections_(options.seed, service_options_.round_trip),
        subsets_(SubsetsOf(options, random_)),
        events_(kStart),
        tally_(TallyFor(options, scenario, service_.backends())) {
    std::shared_ptr<Balancer> balancer;
    for (std::size_t i = 0; i < options.clients; ++i) {
      const std::vector<std::uint32_t>& subset = subsets_[i % subsets_.size()];
      // A ring of all endpoints is the same for all clients, and has megabytes.
      const bool shared = variant.load_balancing == LoadBalancing::kRingHash && subsets_.size() == 1;
      if (balancer == nullptr || !shared) balancer = MakeBalancer(subset);
      clients_.emplace_back(settings_, subset, balancer, random_);
    }
  }

  Report Run() {
    for (std::uint32_t i = 0; i < clients_.size(); ++i) ScheduleNextCall(i);
    while (!events_.empty()) {
      const Event event = events_.Next();
      switch (event.kind) {
        case Event::Kind::kCallStarts:
          OnCallStarts(event.index);
          break;
        case Event::Kind::kAttemptEnds:
          if (attempts_[event.index].serial == event.serial) OnAttemptEnds(event.index);
          break;
        case Event::Kind::kRetryStarts:
          OnRetryStarts(event.index);
          break;
        case Event::Kind::kHedgeIsDue:
          if (calls_[event.index].serial == event.serial) OnHedgeIsDue(event.index);
          break;
      }
    }
    return tally_.MakeReport(options_.throttling.token_ratio);
  }

 private:
  static RetryPolicy PolicyOf(const SimulationOptions& options, const Variant& variant) {
    RetryPolicy policy = options.retry;
    // A hedge is an attempt too; without retries, that is all that is left to it.
    if (!variant.retries) policy.max_attempts = 1;
    return policy;
  }

  static ClientSettings SettingsOf(const SimulationOptions& options, const Variant& variant) {
    ClientSettings settings{variant.budget ? options.throttling : Unlimited(), options.breaker,
                            variant.load_balancing};
    settings.breaker.enabled = variant.breaker;
    return settings;
  }

  std::shared_ptr<Balancer> MakeBalancer(const std::vector<std::uint32_t>& subset) {
    std::vector<std::string> names;
    for (const std::uint32_t endpoint : subset) names.push_back("endpoint-" + std::to_string(endpoint));
    return internal::MakeBalancer(variant_.load_balancing, names, random_);
  }

  void ScheduleNextCall(std::uint32_t client) {
    const std::chrono::duration<double> gap(-std::log(1 - random_.Unit()) / options_.calls_per_second);
    const Time at = events_.now() + std::chrono::duration_cast<std::chrono::nanoseconds>(gap);
    if (at < end_) events_.Schedule(at, {Event::Kind::kCallStarts, client});
  }

  void OnCallStarts(std::uint32_t client) {
    ScheduleNextCall(client);
    const Time now = events_.now();
    const std::uint32_t index = Take(calls_, free_calls_);
    Call& call = calls_[index];
    call.client = client;
    call.started = now;
    call.deadline = now + options_.total_timeout;
    call.key.clear();
    if (variant_.load_balancing == LoadBalancing::kRingHash)
      call.key = "courier-" + std::to_string(random_.Below(options_.couriers));
    call.attempts = 0;
    call.tried.clear();
    call.retry.emplace(policy_);
    call.hedges.reset();
    if (variant_.hedging.mode != HedgingMode::kOff) {
      clients_[client].hedge_budget.OnCall(variant_.hedging.max_ratio);
      call.hedges.emplace(variant_.hedging, policy_, internal::HedgeDelay(variant_.hedging, std::nullopt));
    }
    tally_.OnCall(client, now);
    ++clients_[client].calls_in_flight;
    if (!StartAttempt(index, /*hedge=*/false)) EndCall(index);
  }

  void OnRetryStarts(std::uint32_t index) {
    Call& call = calls_[index];
    Client& client = clients_[call.client];
    const Time now = events_.now();
    call.slot = client.budget.TryAcquire(client.calls_in_flight);
    if (call.slot) {
      if (!StartAttempt(index, /*hedge=*/false)) EndCall(index);
    } else if (now + kRoomRetry < call.deadline) {
      events_.Schedule(now + kRoomRetry, {Event::Kind::kRetryStarts, index});
    } else {
      EndCall(index);
    }
  }

  void OnHedgeIsDue(std::uint32_t index) {
    Call& call = calls_[index];
    Client& client = clients_[call.client];
    const Time now = events_.now();
    if (!call.hedges->TryHedge(call.attempts, client.hedge_budget, client.budget, now, call.deadline)) return;
    call.slot = client.budget.TryAcquire(client.calls_in_flight);
    if (!call.slot || !StartAttempt(index, /*hedge=*/true)) {
      call.slot = {};
      AwaitHedge(index);
    }
  }

  void AwaitHedge(std::uint32_t index) {
    const Call& call = calls_[index];
    if (call.hedges && call.hedges->next_hedge())
      events_.Schedule(*call.hedges->next_hedge(), {Event::Kind::kHedgeIsDue, index, call.serial});
  }

  // False: there is no endpoint for it.
  bool StartAttempt(std::uint32_t call_index, bool hedge) {
    Call& call = calls_[call_index];
    const Time now = events_.now();
    std::optional<Client::Pick> pick = clients_[call.client].PickEndpoint(
        {call.key, call.tried, /*untried_only=*/hedge, now, call.deadline}, [&](std::uint32_t endpoint) {
          return connections_.IsReady(call.client, endpoint, service_.backends()[endpoint], now);
        });
    if (!pick) return false;

    const Service::Answer answer = service_.Send(pick->endpoint, now, random_);
    const Time given_up = std::min(now + options_.attempt_timeout, call.deadline);
    const std::uint32_t index = Take(attempts_, free_attempts_);
    Attempt& attempt = attempts_[index];
    attempt.call = call_index;
    attempt.endpoint = pick->endpoint;
    attempt.answered = answer.at <= given_up;
    attempt.ok = attempt.answered && answer.ok;
    attempt.started = now;
    attempt.permit = std::move(pick->permit);
    attempt.slot = std::exchange(call.slot, {});
    call.tried.push_back(pick->endpoint);
    call.under_way.push_back(index);
    ++call.attempts;
    tally_.OnAttempt(call.client, attempt.endpoint, call.attempts > 1, now);
    events_.Schedule(std::min(answer.at, given_up), {Event::Kind::kAttemptEnds, index, attempt.serial});
    if (call.hedges) {
      if (!hedge) call.hedges->OnAttempt(now);
      AwaitHedge(call_index);
    }
    return true;
  }

  void OnAttemptEnds(std::uint32_t index) {
    const Attempt& attempt = attempts_[index];
    const std::uint32_t call_index = attempt.call;
    const bool answered = attempt.answered;
    const bool ok = attempt.ok;
    Call& call = calls_[call_index];
    Client& client = clients_[call.client];
    const Time now = events_.now();
    FinishAttempt(index, ok ? Verdict::kSuccess : Verdict::kFailure);
    if (ok) {
      client.budget.OnSuccess();
      tally_.OnSuccess(call.client, call.started, now);
      return EndCall(call_index);
    }
    AttemptFailure failure;
    failure.code = answered ? absl::StatusCode::kUnavailable : absl::StatusCode::kDeadlineExceeded;
    failure.from_server = answered;
    failure.attempt_timed_out = !answered && now < call.deadline;
    if (call.hedges) {
      switch (call.hedges->OnFailure(failure, static_cast<int>(call.under_way.size()), client.budget, now)) {
        case HedgePlan::AfterFailure::kEnd:
          return EndCall(call_index);
        case HedgePlan::AfterFailure::kWait:
          return AwaitHedge(call_index);
        case HedgePlan::AfterFailure::kRetry:
          break;
      }
    }
    const RetryState::Decision decision =
        call.retry->OnFailure(failure, call.attempts, client.budget, now, call.deadline, random_.Unit());
    if (!decision.retry) return EndCall(call_index);
    events_.Schedule(now + decision.delay, {Event::Kind::kRetryStarts, call_index});
  }

  void FinishAttempt(std::uint32_t index, Verdict verdict) {
    Attempt& attempt = attempts_[index];
    Call& call = calls_[attempt.call];
    const Time now = events_.now();
    std::optional<std::chrono::nanoseconds> latency;
    if (verdict == Verdict::kSuccess) latency = now - attempt.started;
    clients_[call.client].OnAttemptDone(attempt.endpoint, std::move(attempt.permit), verdict, latency, now);
    attempt.slot = {};
    call.under_way.erase(std::find(call.under_way.begin(), call.under_way.end(), index));
    ++attempt.serial;
    free_attempts_.push_back(index);
  }

  template <typename Entry>
  static std::uint32_t Take(std::deque<Entry>& entries, std::vector<std::uint32_t>& free) {
    if (free.empty()) {
      entries.emplace_back();
      return static_cast<std::uint32_t>(entries.size() - 1);
    }
    const std::uint32_t index = free.back();
    free.pop_back();
    return index;
  }

  // Whatever else is under way is cancelled, which says nothing of its endpoint.
  void EndCall(std::uint32_t index) {
    Call& call = calls_[index];
    while (!call.under_way.empty()) FinishAttempt(call.under_way.back(), Verdict::kExcluded);
    call.slot = {};
    ++call.serial;
    --clients_[call.client].calls_in_flight;
    free_calls_.push_back(index);
  }

  const SimulationOptions options_;
  const Variant variant_;
  const Time end_;
  const ClientSettings settings_;
  const internal::CallRetryPolicy policy_;
  const ServiceOptions service_options_;
  internal::AtomicRandom random_;
  Service service_;
  const Connections connections_;
  const std::vector<std::vector<std::uint32_t>> subsets_;
  EventQueue<Event> events_;
  Tally tally_;
  std::deque<Client> clients_;
  std::deque<Call> calls_;  // these after the clients: permits and slots refer to them
  std::deque<Attempt> attempts_;
  std::vector<std::uint32_t> free_calls_;
  std::vector<std::uint32_t> free_attempts_;
};

}  // namespace

std::vector<Variant> Variants() {
  return {{.name = "no retries"},
          {.name = "naive retries", .retries = true},
          {.name = "budget", .retries = true, .budget = true},
          {.name = "budget and breaker", .retries = true, .budget = true, .breaker = true}};
}

Scenario FullOutage() {
  return {.name = "full outage", .fault = {.refuses_all = true}};
}

Scenario BrownOut() {
  return {.name = "brown-out", .fault = {.failing_share = 0.2, .capacity_factor = 0.4}};
}

Report Simulate(const SimulationOptions& options, const Scenario& scenario, const Variant& variant) {
  return Simulation(options, scenario, variant).Run();
}

}  // namespace dispatchctl::sim
