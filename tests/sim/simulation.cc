#include "simulation.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "call/retry_budget.h"
#include "call/retry_policy.h"
#include "call/retry_state.h"
#include "endpoints/balancer.h"
#include "endpoints/circuit_breaker.h"
#include "endpoints/random.h"
#include "event_queue.h"

namespace dispatchctl::sim {
namespace {

using internal::AttemptFailure;
using internal::Balancer;
using internal::CircuitBreaker;
using internal::RetryBudget;
using internal::RetryState;
using internal::Verdict;

constexpr Time kStart{std::chrono::hours(1)};
constexpr double kRecoveredShare = 0.99;
constexpr std::size_t kRecoveredSeconds = 5;

struct Client {
  std::unique_ptr<RetryBudget> budget;
  std::unique_ptr<Balancer> balancer;
  std::vector<std::unique_ptr<CircuitBreaker>> breakers;
  std::vector<std::uint64_t> in_flight;  // attempts, by endpoint
  std::uint64_t calls_in_flight = 0;
  std::uint64_t retries = 0;
  std::uint64_t retries_in_fault = 0;
  std::uint64_t successes = 0;
};

struct Call {
  std::size_t client = 0;
  std::size_t second = 0;  // that it started in
  Time deadline;
  int attempts = 0;
  std::vector<bool> tried;
  std::optional<RetryState> retry;

  // The attempt under way:
  std::size_t endpoint = 0;
  bool answered = false;  // else it times out
  bool ok = false;
  CircuitBreaker::Permit permit;
  RetryBudget::Slot slot;
};

struct Event {
  enum class Kind { kCallStarts, kAttemptEnds, kRetryStarts };
  Kind kind;
  std::size_t index;  // of the client or the call
};

// Retries as if nobody counted them.
RetryThrottling Unlimited() {
  RetryThrottling throttling;
  throttling.max_tokens = 1e12;
  throttling.min_concurrent = std::numeric_limits<int>::max();
  return throttling;
}

class Candidates final : public internal::BalancerCandidates {
 public:
  Candidates(const Client& client, const std::vector<bool>* avoided, Time now)
      : client_(client), avoided_(avoided), now_(now) {}

  bool Usable(std::size_t index) const override {
    return (avoided_ == nullptr || !(*avoided_)[index]) && client_.breakers[index]->WouldAdmit(now_);
  }
  std::uint64_t InFlight(std::size_t index) const override { return client_.in_flight[index]; }
  double Weight(std::size_t) const override { return 0; }

 private:
  const Client& client_;
  const std::vector<bool>* const avoided_;
  const Time now_;
};

class Simulation {
 public:
  Simulation(const SimulationOptions& options, const Scenario& scenario, const Variant& variant)
      : options_(options),
        fault_start_(kStart + options.before),
        fault_end_(fault_start_ + options.fault),
        end_(fault_end_ + options.after),
        random_(options.seed),
        service_(ServiceOf(options), scenario.fault, fault_start_, fault_end_),
        policy_(internal::Compile(PolicyOf(options, variant))),
        events_(kStart),
        seconds_(static_cast<std::size_t>((options.before + options.fault + options.after).count())) {
    CircuitBreakerOptions breaker = options.breaker;
    breaker.enabled = variant.breaker;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < options.endpoints; ++i) names.push_back("endpoint-" + std::to_string(i));
    clients_.resize(options.clients);
    for (Client& client : clients_) {
      client.budget = std::make_unique<RetryBudget>(variant.budget ? options.throttling : Unlimited());
      client.balancer = internal::MakeBalancer(LoadBalancing::kRoundRobin, names, random_);
      for (std::size_t i = 0; i < options.endpoints; ++i)
        client.breakers.push_back(
            std::make_unique<CircuitBreaker>(breaker, kStart, [this] { return random_.Unit(); }));
      client.in_flight.resize(options.endpoints);
    }
  }

  Report Run() {
    for (std::size_t i = 0; i < clients_.size(); ++i) ScheduleNextCall(i);
    while (!events_.empty()) {
      const Event event = events_.Next();
      switch (event.kind) {
        case Event::Kind::kCallStarts:
          OnCallStarts(event.index);
          break;
        case Event::Kind::kAttemptEnds:
          OnAttemptEnds(event.index);
          break;
        case Event::Kind::kRetryStarts:
          OnRetryStarts(event.index);
          break;
      }
    }
    return MakeReport();
  }

 private:
  static ServiceOptions ServiceOf(const SimulationOptions& options) {
    ServiceOptions service;
    service.endpoints = options.endpoints;
    service.capacity = options.headroom * options.calls_per_second * static_cast<double>(options.clients) /
                       static_cast<double>(options.endpoints);
    return service;
  }

  static RetryPolicy PolicyOf(const SimulationOptions& options, const Variant& variant) {
    RetryPolicy policy = options.retry;
    if (!variant.retries) policy.max_attempts = 1;
    return policy;
  }

  std::size_t SecondOf(Time time) const {
    return static_cast<std::size_t>((time - kStart) / std::chrono::seconds(1));
  }

  void ScheduleNextCall(std::size_t client) {
    const std::chrono::duration<double> gap(-std::log(1 - random_.Unit()) / options_.calls_per_second);
    const Time at = events_.now() + std::chrono::duration_cast<std::chrono::nanoseconds>(gap);
    if (at < end_) events_.Schedule(at, {Event::Kind::kCallStarts, client});
  }

  void OnCallStarts(std::size_t client) {
    ScheduleNextCall(client);
    const std::size_t index = TakeCall();
    Call& call = calls_[index];
    call.client = client;
    call.second = SecondOf(events_.now());
    call.deadline = events_.now() + options_.total_timeout;
    call.attempts = 0;
    call.tried.assign(options_.endpoints, false);
    call.retry.emplace(policy_);
    ++seconds_[call.second].calls;
    ++clients_[client].calls_in_flight;
    StartAttempt(index);
  }

  void OnRetryStarts(std::size_t index) {
    Call& call = calls_[index];
    Client& client = clients_[call.client];
    call.slot = client.budget->TryAcquire(client.calls_in_flight);
    if (!call.slot) return EndCall(index);
    StartAttempt(index);
  }

  void StartAttempt(std::size_t index) {
    Call& call = calls_[index];
    Client& client = clients_[call.client];
    const Time now = events_.now();
    std::optional<std::size_t> endpoint =
        client.balancer->Pick({}, Candidates(client, &call.tried, now), random_);
    if (!endpoint) endpoint = client.balancer->Pick({}, Candidates(client, nullptr, now), random_);
    if (!endpoint) return EndCall(index);
    call.permit = client.breakers[*endpoint]->Admit(now, call.deadline);
    if (!call.permit) return EndCall(index);

    const Service::Answer answer = service_.Send(*endpoint, now, random_);
    const Time given_up = std::min(now + options_.attempt_timeout, call.deadline);
    call.endpoint = *endpoint;
    call.tried[*endpoint] = true;
    call.answered = answer.at <= given_up;
    call.ok = call.answered && answer.ok;
    ++call.attempts;
    ++client.in_flight[*endpoint];
    ++attempts_;
    if (SecondOf(now) < seconds_.size()) ++seconds_[SecondOf(now)].attempts;
    if (call.attempts > 1) {
      ++client.retries;
      if (now >= fault_start_ && now < fault_end_) ++client.retries_in_fault;
    }
    events_.Schedule(std::min(answer.at, given_up), {Event::Kind::kAttemptEnds, index});
  }

  void OnAttemptEnds(std::size_t index) {
    Call& call = calls_[index];
    Client& client = clients_[call.client];
    const Time now = events_.now();
    --client.in_flight[call.endpoint];
    call.slot = {};
    call.permit.Done(call.ok ? Verdict::kSuccess : Verdict::kFailure, now);
    if (call.ok) {
      client.budget->OnSuccess();
      ++client.successes;
      ++seconds_[call.second].successes;
      return EndCall(index);
    }
    AttemptFailure failure;
    failure.code = call.answered ? absl::StatusCode::kUnavailable : absl::StatusCode::kDeadlineExceeded;
    failure.from_server = call.answered;
    failure.attempt_timed_out = !call.answered && now < call.deadline;
    const RetryState::Decision decision =
        call.retry->OnFailure(failure, call.attempts, *client.budget, now, call.deadline, random_.Unit());
    if (!decision.retry) return EndCall(index);
    events_.Schedule(now + decision.delay, {Event::Kind::kRetryStarts, index});
  }

  std::size_t TakeCall() {
    if (free_calls_.empty()) {
      calls_.emplace_back();
      return calls_.size() - 1;
    }
    const std::size_t index = free_calls_.back();
    free_calls_.pop_back();
    return index;
  }

  void EndCall(std::size_t index) {
    calls_[index].slot = {};
    --clients_[calls_[index].client].calls_in_flight;
    free_calls_.push_back(index);
  }

  bool Recovered(std::size_t second) const {
    return static_cast<double>(seconds_[second].successes) >=
           kRecoveredShare * static_cast<double>(seconds_[second].calls);
  }

  Report MakeReport() const {
    const std::size_t fault_start = SecondOf(fault_start_);
    const std::size_t fault_end = SecondOf(fault_end_);
    Report report;
    report.seconds = seconds_;
    report.attempts = attempts_;
    Second before;
    Second during;
    std::uint64_t busiest_in_fault = 0;
    std::uint64_t busiest_after = 0;
    for (std::size_t i = 0; i < seconds_.size(); ++i) {
      report.calls += seconds_[i].calls;
      if (i < fault_start) {
        before.attempts += seconds_[i].attempts;
      } else if (i < fault_end) {
        during.calls += seconds_[i].calls;
        during.successes += seconds_[i].successes;
        during.attempts += seconds_[i].attempts;
        busiest_in_fault = std::max(busiest_in_fault, seconds_[i].attempts);
      } else {
        busiest_after = std::max(busiest_after, seconds_[i].attempts);
      }
    }
    const auto ratio = [](std::uint64_t a, double b) { return static_cast<double>(a) / std::max(b, 1.0); };
    report.amplification = ratio(report.attempts, static_cast<double>(report.calls));
    report.fault_amplification = ratio(during.attempts, static_cast<double>(during.calls));
    report.fault_success = ratio(during.successes, static_cast<double>(during.calls));
    report.normal_rate = ratio(before.attempts, static_cast<double>(fault_start));
    report.peak_in_fault = ratio(busiest_in_fault, report.normal_rate);
    report.peak_after_fault = ratio(busiest_after, report.normal_rate);

    std::size_t good = 0;
    for (std::size_t i = fault_end; i < seconds_.size() && !report.recovery; ++i) {
      good = Recovered(i) ? good + 1 : 0;
      if (good == kRecoveredSeconds)
        report.recovery = std::chrono::seconds(i + 1 - kRecoveredSeconds - fault_end);
    }
    report.most_unearned_retries = std::numeric_limits<double>::lowest();
    for (const Client& client : clients_) {
      report.most_retries_in_fault = std::max(report.most_retries_in_fault, client.retries_in_fault);
      report.most_unearned_retries =
          std::max(report.most_unearned_retries,
                   static_cast<double>(client.retries) -
                       options_.throttling.token_ratio * static_cast<double>(client.successes));
    }
    return report;
  }

  const SimulationOptions options_;
  const Time fault_start_;
  const Time fault_end_;
  const Time end_;
  internal::AtomicRandom random_;
  Service service_;
  const internal::CallRetryPolicy policy_;
  EventQueue<Event> events_;
  std::vector<Second> seconds_;
  std::uint64_t attempts_ = 0;
  std::vector<Client> clients_;
  std::deque<Call> calls_;  // after the clients: permits and slots refer to them
  std::vector<std::size_t> free_calls_;
};

}  // namespace

std::vector<Variant> Variants() {
  return {{.name = "no retries"},
          {.name = "naive retries", .retries = true},
          {.name = "budget", .retries = true, .budget = true},
          {.name = "budget and breaker", .retries = true, .budget = true, .breaker = true}};
}

Scenario FullOutage() {
  return {"full outage", {.refuses_all = true}};
}

Scenario BrownOut() {
  return {"brown-out", {.failing_share = 0.2, .capacity_factor = 0.4}};
}

Report Simulate(const SimulationOptions& options, const Scenario& scenario, const Variant& variant) {
  return Simulation(options, scenario, variant).Run();
}

}  // namespace dispatchctl::sim
