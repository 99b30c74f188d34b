#include "endpoints/endpoint_pool.h"

#include <algorithm>

namespace dispatchctl::internal {
namespace {

// Lower is better.
int Rank(Connectivity state) {
  switch (state) {
    case Connectivity::kReady:
      return 0;
    case Connectivity::kIdle:
    case Connectivity::kConnecting:
      return 1;
    case Connectivity::kTransientFailure:
    case Connectivity::kShutdown:
      break;
  }
  return 2;
}

}  // namespace

EndpointPool::EndpointPool(Target target, std::unique_ptr<Resolver> resolver,
                           std::unique_ptr<ChannelFactory> factory)
    : factory_(std::move(factory)),
      literal_addresses_(std::move(target.addresses)),
      resolver_(std::move(resolver)) {
  if (resolver_ == nullptr) {
    for (const EndpointAddress& address : literal_addresses_) {
      endpoints_.push_back(std::make_shared<Endpoint>(address, *factory_));
    }
  }
}

EndpointPool::Pick EndpointPool::PickFor(ChannelUse use, std::span<const std::shared_ptr<Endpoint>> tried,
                                         bool waited_for_resolving) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (endpoints_.empty()) {
    if (waited_for_resolving && !resolving_) return {nullptr, false, resolve_error_};
    StartResolving();
    return {nullptr, true, absl::OkStatus()};
  }
  // Most clients have one endpoint, whose state changes nothing.
  if (endpoints_.size() == 1 && tried.empty()) return {endpoints_.front(), false, absl::OkStatus()};

  const std::size_t first = turn_++;
  const std::shared_ptr<Endpoint>* best = nullptr;
  int best_rank = 3;
  for (std::size_t i = 0; i < endpoints_.size() && best_rank > 0; ++i) {
    const std::shared_ptr<Endpoint>& candidate = endpoints_[(first + i) % endpoints_.size()];
    if (std::find(tried.begin(), tried.end(), candidate) != tried.end()) continue;
    // Asking also starts connecting, so that all are ready when their turn comes.
    const int rank = Rank(candidate->channel(use).state(/*try_to_connect=*/true));
    if (rank < best_rank) {
      best = &candidate;
      best_rank = rank;
    }
  }
  if (best == nullptr) return {nullptr, false, absl::UnavailableError("every endpoint has been tried")};
  return {*best, false, absl::OkStatus()};
}

void EndpointPool::WhenResolved(EventLoop& loop, std::shared_ptr<Task> task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (resolving_) {
      waiters_.push_back({&loop, std::move(task)});
      return;
    }
  }
  loop.Schedule(std::move(task));
}

void EndpointPool::StartResolving() {
  if (resolving_) return;
  resolving_ = true;
  resolver_->Resolve(
      [this](absl::StatusOr<std::vector<EndpointAddress>> result) { OnResolved(std::move(result)); });
}

void EndpointPool::StopWaiting(const std::shared_ptr<Task>& task) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.task == task; });
}

void EndpointPool::OnResolved(absl::StatusOr<std::vector<EndpointAddress>> result) {
  const std::lock_guard<std::mutex> lock(mutex_);
  resolving_ = false;
  resolve_error_ = result.status();
  for (const EndpointAddress& address : literal_addresses_) {
    endpoints_.push_back(std::make_shared<Endpoint>(address, *factory_));
  }
  if (result.ok()) {
    for (EndpointAddress& address : *result) {
      endpoints_.push_back(std::make_shared<Endpoint>(std::move(address), *factory_));
    }
  }
  for (Waiter& waiter : std::exchange(waiters_, {})) waiter.loop->Schedule(std::move(waiter.task));
}

}  // namespace dispatchctl::internal
