#include "endpoints/endpoint.h"

#include <utility>

namespace dispatchctl::internal {

Endpoint::Endpoint(EndpointAddress address, ChannelFactory& factory, std::unique_ptr<CircuitBreaker> breaker,
                   std::shared_ptr<Observation> observation)
    : address_(std::move(address)),
      factory_(factory),
      breaker_(std::move(breaker)),
      observation_(std::move(observation)) {
  if (observation_ != nullptr) observation_->NoteAdded(name());
}

Channel& Endpoint::channel(ChannelUse use) {
  std::once_flag& made = use == ChannelUse::kLookups ? lookups_made_ : streams_made_;
  std::unique_ptr<Channel>& channel = use == ChannelUse::kLookups ? lookups_ : streams_;
  std::call_once(made, [&] { channel = factory_.Create(address_.address, address_.authority); });
  return *channel;
}

bool Endpoint::UpdateConnectivity(Time now, double unit_random) {
  Channel& lookups = channel(ChannelUse::kLookups);
  const std::lock_guard<std::mutex> lock(connectivity_mutex_);
  EndpointState state = lookups.state(/*try_to_connect=*/false);
  reconnect_schedule_.OnState(state, now, unit_random);
  if (state == EndpointState::kIdle && !reconnect_schedule_.due()) {
    state = lookups.state(/*try_to_connect=*/true);
  }
  const EndpointState before = connectivity_.exchange(state, std::memory_order_relaxed);
  if (before == state) return false;
  if (observation_ != nullptr && !removed_) observation_->Note(name(), before, state);
  return true;
}

void Endpoint::Connect() {
  {
    const std::lock_guard<std::mutex> lock(connectivity_mutex_);
    if (!reconnect_schedule_.may_hurry()) return;
  }
  channel(ChannelUse::kLookups).state(/*try_to_connect=*/true);
}

std::optional<Endpoint::Time> Endpoint::reconnect_due() const {
  const std::lock_guard<std::mutex> lock(connectivity_mutex_);
  return reconnect_schedule_.due();
}

void Endpoint::OnRemoved() {
  if (observation_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(connectivity_mutex_);
  if (!std::exchange(removed_, true)) observation_->NoteRemoved(name(), connectivity());
}

void Endpoint::OnAttemptDone(const AttemptOutcome& outcome) {
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  if (outcome.verdict == Verdict::kSuccess) {
    successes_.fetch_add(1, std::memory_order_relaxed);
  } else if (outcome.verdict == Verdict::kFailure) {
    failures_.fetch_add(1, std::memory_order_relaxed);
  }
  if (outcome.answered) latency_.Record(outcome.elapsed);
  if (usual_.load(std::memory_order_relaxed) != 0 && (outcome.answered || outcome.overtaken)) {
    JudgeLatency(outcome);
  }
  if (outcome.verdict != Verdict::kSuccess && !absl::IsCancelled(outcome.status)) {
    const std::lock_guard<std::mutex> lock(error_mutex_);
    last_error_.assign(outcome.status.message().data(), outcome.status.message().size());
  }
}

// Counts are approximate where threads meet: they decide on a preference only.
void Endpoint::JudgeLatency(const AttemptOutcome& outcome) {
  const std::chrono::nanoseconds usual(usual_.load(std::memory_order_relaxed));
  if (slow()) {
    const bool fast = outcome.answered && outcome.elapsed <= usual;
    const int in_a_row = fast ? fast_probes_.fetch_add(1, std::memory_order_relaxed) + 1 : 0;
    if (!fast) fast_probes_.store(0, std::memory_order_relaxed);
    if (in_a_row < kFastProbesToRecover) return;
    slow_signs_.store(0, std::memory_order_relaxed);
    slow_.store(false, std::memory_order_relaxed);
    return;
  }
  if (outcome.overtaken || outcome.elapsed > kSlowFactor * usual) {
    if (slow_signs_.fetch_add(1, std::memory_order_relaxed) + 1 < kSlowSignsToTell) return;
    fast_probes_.store(0, std::memory_order_relaxed);
    slow_.store(true, std::memory_order_relaxed);
  } else if (slow_signs_.load(std::memory_order_relaxed) > 0) {
    slow_signs_.fetch_sub(1, std::memory_order_relaxed);
  }
}

bool Endpoint::CountConnectionLoss(Time attempt_started, Time now) {
  Time::rep last = last_loss_.load(std::memory_order_relaxed);
  do {
    if (attempt_started.time_since_epoch().count() <= last) return false;
  } while (
      !last_loss_.compare_exchange_weak(last, now.time_since_epoch().count(), std::memory_order_relaxed));
  return true;
}

bool Endpoint::TakeProbe(Time now) {
  Time::rep due = next_probe_.load(std::memory_order_relaxed);
  const Time::rep ticks = now.time_since_epoch().count();
  if (ticks < due) return false;
  const Time::rep next = (now + kProbeInterval).time_since_epoch().count();
  return next_probe_.compare_exchange_strong(due, next, std::memory_order_relaxed);
}

std::string Endpoint::last_error() const {
  const std::lock_guard<std::mutex> lock(error_mutex_);
  return last_error_;
}

EndpointStatus Endpoint::Describe(Time now) const {
  EndpointStatus out;
  out.address = name();
  out.state = connectivity();
  out.breaker = breaker_->Peek(now);
  out.in_flight = in_flight();
  out.successes = successes_.load(std::memory_order_relaxed);
  out.failures = failures_.load(std::memory_order_relaxed);
  out.rejections = breaker_->rejections();
  out.latency = latency_.Average();
  out.slow = slow();
  out.last_error = last_error();
  return out;
}

}  // namespace dispatchctl::internal
