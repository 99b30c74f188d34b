#include "endpoints/endpoint.h"

#include <utility>

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

std::string_view EndpointStateName(EndpointState state) {
  switch (state) {
    case EndpointState::kIdle:
      return "idle";
    case EndpointState::kConnecting:
      return "connecting";
    case EndpointState::kReady:
      return "ready";
    case EndpointState::kTransientFailure:
      return "transient_failure";
    case EndpointState::kShutdown:
      break;
  }
  return "shutdown";
}

}  // namespace DISPATCHCTL_ABI

namespace internal {

Endpoint::Endpoint(EndpointAddress address, ChannelFactory& factory, std::unique_ptr<CircuitBreaker> breaker)
    : address_(std::move(address)), factory_(factory), breaker_(std::move(breaker)) {}

Channel& Endpoint::channel(ChannelUse use) {
  std::once_flag& made = use == ChannelUse::kLookups ? lookups_made_ : streams_made_;
  std::unique_ptr<Channel>& channel = use == ChannelUse::kLookups ? lookups_ : streams_;
  std::call_once(made, [&] { channel = factory_.Create(address_.address, address_.authority, use); });
  return *channel;
}

bool Endpoint::UpdateConnectivity() {
  Channel& lookups = channel(ChannelUse::kLookups);
  const std::lock_guard<std::mutex> lock(connectivity_mutex_);
  const EndpointState now = lookups.state(/*try_to_connect=*/true);
  return connectivity_.exchange(now, std::memory_order_relaxed) != now;
}

void Endpoint::OnAttemptDone(Verdict verdict, const absl::Status& status,
                             std::optional<std::chrono::nanoseconds> elapsed) {
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  if (verdict == Verdict::kSuccess) {
    successes_.fetch_add(1, std::memory_order_relaxed);
  } else if (verdict == Verdict::kFailure) {
    failures_.fetch_add(1, std::memory_order_relaxed);
  }
  if (elapsed) latency_.Record(*elapsed);
  if (slow()) CountProbe(elapsed);
  if (verdict != Verdict::kSuccess && !status.ok() && status.code() != absl::StatusCode::kCancelled) {
    const std::lock_guard<std::mutex> lock(mutex_);
    last_error_.assign(status.message().data(), status.message().size());
  }
}

void Endpoint::MarkSlow(std::chrono::nanoseconds fast_enough) {
  const std::lock_guard<std::mutex> lock(mutex_);
  fast_enough_ = fast_enough;
  fast_probes_ = 0;
  slow_.store(true, std::memory_order_relaxed);
}

void Endpoint::CountProbe(std::optional<std::chrono::nanoseconds> elapsed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  fast_probes_ = elapsed && *elapsed <= fast_enough_ ? fast_probes_ + 1 : 0;
  if (fast_probes_ < kFastProbesToRecover) return;
  // What it was like while it was slow says nothing of it now.
  latency_.Reset();
  slow_.store(false, std::memory_order_relaxed);
}

bool Endpoint::TakeProbe(Time now) {
  Time::rep due = next_probe_.load(std::memory_order_relaxed);
  const Time::rep ticks = now.time_since_epoch().count();
  if (ticks < due) return false;
  const Time::rep next = (now + kProbeInterval).time_since_epoch().count();
  return next_probe_.compare_exchange_strong(due, next, std::memory_order_relaxed);
}

std::string Endpoint::last_error() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return last_error_;
}

EndpointStatus Endpoint::Describe(Time now) {
  UpdateConnectivity();
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

}  // namespace internal
}  // namespace dispatchctl
