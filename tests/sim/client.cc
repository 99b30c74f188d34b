#include "client.h"

#include <algorithm>
#include <utility>

#include "endpoints/latency_tracker.h"

namespace dispatchctl::sim {

using internal::CircuitBreaker;
using internal::Verdict;

class Client::Candidates final : public internal::BalancerCandidates {
 public:
  Candidates(const Client& client, const PickRequest& request, IsReady is_ready)
      : client_(client), request_(request), is_ready_(is_ready) {}

  void AdmitTried() { avoid_tried_ = false; }
  void Refuse(std::size_t index) { refused_.push_back(index); }

  bool Usable(std::size_t index) const override {
    const std::uint32_t endpoint = client_.endpoints_[index];
    if (!is_ready_(endpoint)) return false;
    if (avoid_tried_ && std::count(request_.tried.begin(), request_.tried.end(), endpoint) != 0) return false;
    if (std::count(refused_.begin(), refused_.end(), index) != 0) return false;
    const EndpointState* state = client_.Find(endpoint);
    return state == nullptr || state->breaker == nullptr || state->breaker->WouldAdmit(request_.now);
  }

  std::uint64_t InFlight(std::size_t index) const override {
    const EndpointState* state = client_.Find(client_.endpoints_[index]);
    return state == nullptr ? 0 : state->in_flight;
  }

  // As EndpointPool has it.
  double Weight(std::size_t index) const override {
    const EndpointState* state = client_.Find(client_.endpoints_[index]);
    if (state == nullptr || state->latencies.empty()) return 0;
    internal::LatencyTracker tracker;
    for (const std::chrono::nanoseconds latency : state->latencies) tracker.Record(latency);
    return 1e9 / static_cast<double>(std::max<std::int64_t>(tracker.Average()->count(), 1));
  }

 private:
  const Client& client_;
  const PickRequest& request_;
  const IsReady is_ready_;
  bool avoid_tried_ = true;
  absl::InlinedVector<std::size_t, 4> refused_;
};

Client::Client(const ClientSettings& settings, std::span<const std::uint32_t> endpoints,
               std::shared_ptr<internal::Balancer> balancer, internal::RandomSource& random)
    : budget(settings.throttling),
      settings_(settings),
      endpoints_(endpoints),
      balancer_(std::move(balancer)),
      random_(random) {}

std::optional<Client::Pick> Client::PickEndpoint(const PickRequest& request, IsReady is_ready) {
  Candidates candidates(*this, request, is_ready);
  for (const bool untried : {true, false}) {
    if (!untried) {
      if (request.untried_only || request.tried.empty()) break;
      candidates.AdmitTried();
    }
    while (const std::optional<std::size_t> index = balancer_->Pick(request.key, candidates, random_)) {
      const std::uint32_t endpoint = endpoints_[*index];
      if (!KeepsState()) return Pick{endpoint, {}};
      EndpointState& state = FindOrMake(endpoint, request.now);
      Pick pick{endpoint, {}};
      if (state.breaker != nullptr) {
        pick.permit = state.breaker->Admit(request.now, request.deadline);
        if (!pick.permit) {
          candidates.Refuse(*index);
          continue;
        }
      }
      ++state.in_flight;
      state.last_used = request.now;
      return pick;
    }
  }
  return std::nullopt;
}

void Client::OnAttemptDone(std::uint32_t endpoint, CircuitBreaker::Permit permit, Verdict verdict,
                           std::optional<std::chrono::nanoseconds> latency, Time now) {
  if (!KeepsState()) return;
  EndpointState& state = states_.find(endpoint)->second;
  --state.in_flight;
  state.last_used = now;
  permit.Done(verdict, now);
  // No other balancer asks for weights.
  if (latency && settings_.load_balancing == LoadBalancing::kWeightedRoundRobin)
    state.latencies.push_back(*latency);
}

bool Client::KeepsState() const {
  return settings_.breaker.enabled || settings_.load_balancing == LoadBalancing::kLeastRequest ||
         settings_.load_balancing == LoadBalancing::kWeightedRoundRobin;
}

const Client::EndpointState* Client::Find(std::uint32_t endpoint) const {
  const auto found = states_.find(endpoint);
  return found == states_.end() ? nullptr : &found->second;
}

Client::EndpointState& Client::FindOrMake(std::uint32_t endpoint, Time now) {
  if (const auto found = states_.find(endpoint); found != states_.end()) return found->second;
  if (states_.size() >= forget_at_) ForgetIdle(now);
  EndpointState& state = states_[endpoint];
  if (settings_.breaker.enabled) {
    state.breaker =
        std::make_unique<CircuitBreaker>(settings_.breaker, now, [this] { return random_.Unit(); });
  }
  return state;
}

// A closed breaker whose window nothing is left in is as good as a new one.
void Client::ForgetIdle(Time now) {
  const Time used_since = now - settings_.breaker.window - settings_.breaker.bucket;
  absl::erase_if(states_, [&](const auto& entry) {
    const EndpointState& state = entry.second;
    return state.in_flight == 0 && state.latencies.empty() &&
           (state.breaker == nullptr ||
            (state.last_used < used_since && state.breaker->Peek(now) == BreakerState::kClosed));
  });
  forget_at_ = states_.size() + std::max<std::size_t>(states_.size() / 4, 4);
}

}  // namespace dispatchctl::sim
