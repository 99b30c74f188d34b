#include "endpoints/endpoint_pool.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

// How often latencies are compared.
constexpr std::chrono::milliseconds kReviewInterval{100};
// Below it, differences are the scheduler's.
constexpr std::chrono::milliseconds kLeastUsualLatency{1};

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

bool Contains(std::span<const std::shared_ptr<Endpoint>> endpoints, const Endpoint& endpoint) {
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [&](const std::shared_ptr<Endpoint>& one) { return one.get() == &endpoint; });
}

std::string Refused(const Endpoint& endpoint) {
  const std::string error = endpoint.last_error();
  return absl::StrCat(endpoint.name(), error.empty() ? "" : " (last error: ", error,
                      error.empty() ? "" : ")");
}

}  // namespace

// Follows the state of one endpoint's connection for as long as the endpoint is in use. Owns itself: its
// completion may come after the pool has gone.
class EndpointPool::Watch final : public Completion, public std::enable_shared_from_this<Watch> {
 public:
  Watch(std::weak_ptr<EndpointPool> pool, std::weak_ptr<Endpoint> endpoint, EventLoop& loop)
      : pool_(std::move(pool)), endpoint_(std::move(endpoint)), loop_(loop) {}

  void Start(Endpoint& endpoint) {
    keep_alive_ = shared_from_this();
    Continue(endpoint);
  }

  void OnCompletion(bool) override {
    const std::shared_ptr<EndpointPool> pool = pool_.lock();
    const std::shared_ptr<Endpoint> endpoint = endpoint_.lock();
    if (pool == nullptr || endpoint == nullptr) {
      const std::shared_ptr<Watch> last = std::move(keep_alive_);
      return;
    }
    pool->Look(*endpoint);
    Continue(*endpoint);
  }

 private:
  void Continue(Endpoint& endpoint) {
    Channel& channel = endpoint.channel(ChannelUse::kLookups);
    if (channel.Watch(loop_, endpoint.connectivity(), endpoint.reconnect_due(), *this)) return;
    const std::shared_ptr<Watch> last = std::move(keep_alive_);
  }

  const std::weak_ptr<EndpointPool> pool_;
  const std::weak_ptr<Endpoint> endpoint_;
  EventLoop& loop_;
  std::shared_ptr<Watch> keep_alive_;
};

// The endpoints as one pick sees them, at first those that are best for it.
class EndpointPool::Candidates final : public BalancerCandidates {
 public:
  Candidates(const EndpointSet& set, const LookupRequest& request)
      : endpoints_(set.endpoints),
        request_(request),
        avoid_slow_(request.avoid_slow),
        avoid_tried_(!request.tried.empty()) {}

  // False: nothing is left to relax.
  bool Relax() {
    if (avoid_slow_) {
      avoid_slow_ = false;
      return true;
    }
    if (avoid_tried_ && !request_.untried_only) {
      avoid_tried_ = false;
      return true;
    }
    return false;
  }

  bool Usable(std::size_t index) const override {
    const Endpoint& endpoint = *endpoints_[index];
    if (endpoint.connectivity() != Connectivity::kReady) return false;
    if (avoid_slow_ && endpoint.slow()) return false;
    if (avoid_tried_ && Contains(request_.tried, endpoint)) return false;
    return !IsRefused(index);
  }

  std::uint64_t InFlight(std::size_t index) const override { return endpoints_[index]->in_flight(); }

  double Weight(std::size_t index) const override {
    const auto latency = endpoints_[index]->latency().Average();
    return latency && latency->count() > 0 ? 1e9 / static_cast<double>(latency->count()) : 0;
  }

  // Its breaker does not let the attempt through.
  bool IsRefused(std::size_t index) const {
    if (std::find(refused_.begin(), refused_.end(), index) != refused_.end()) return true;
    if (endpoints_[index]->breaker().WouldAdmit(request_.now)) return false;
    refused_.push_back(index);
    return true;
  }

  void Refuse(std::size_t index) { refused_.push_back(index); }
  int refusals() const { return static_cast<int>(refused_.size()); }

 private:
  const std::vector<std::shared_ptr<Endpoint>>& endpoints_;
  const LookupRequest& request_;
  bool avoid_slow_;
  bool avoid_tried_;
  mutable std::vector<std::size_t> refused_;
};

std::shared_ptr<EndpointPool> EndpointPool::Make(Target target, std::unique_ptr<Resolver> resolver,
                                                 std::unique_ptr<ChannelFactory> factory,
                                                 const EndpointPoolOptions& options,
                                                 std::function<EventLoop&()> watch_loop) {
  std::shared_ptr<EndpointPool> pool(new EndpointPool(std::move(factory), std::move(target.addresses),
                                                      std::move(resolver), options, std::move(watch_loop)));
  if (pool->resolver_ == nullptr) pool->set_ = pool->MakeSet(pool->literal_addresses_);
  pool->FlushObservation();
  return pool;
}

EndpointPool::EndpointPool(std::unique_ptr<ChannelFactory> factory,
                           std::vector<EndpointAddress> literal_addresses, std::unique_ptr<Resolver> resolver,
                           const EndpointPoolOptions& options, std::function<EventLoop&()> watch_loop)
    : factory_(std::move(factory)),
      literal_addresses_(std::move(literal_addresses)),
      options_(options),
      watch_loop_(std::move(watch_loop)),
      random_(options.seed),
      resolver_(std::move(resolver)) {}

std::pair<std::shared_ptr<const EndpointPool::EndpointSet>, std::uint64_t> EndpointPool::Snapshot() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return {set_, version_};
}

EndpointPool::LookupPick EndpointPool::PickForLookup(const LookupRequest& request) {
  auto [set, version] = Snapshot();
  // A first look at the connections is a change too.
  if (set != nullptr && WatchIfDue(*set)) std::tie(set, version) = Snapshot();
  LookupPick pick;
  if (set == nullptr) {
    pick = PickUnresolved(request);
  } else if (set->endpoints.size() == 1) {
    pick = PickOnly(set->endpoints.front(), request);
  } else {
    pick = PickAmong(*set, request);
  }
  // Of before the look: what has changed since must not be missed.
  pick.version = version;
  return pick;
}

EndpointPool::LookupPick EndpointPool::PickUnresolved(const LookupRequest& request) {
  const std::lock_guard<std::mutex> lock(mutex_);
  LookupPick pick;
  pick.phase = Phase::kResolve;
  if (stopped_) {
    pick.status = absl::CancelledError("the client has been shut down");
    return pick;
  }
  StartResolving();
  if (!resolution_ended_ || request.wait_for_ready) {
    pick.outcome = LookupPick::Outcome::kWait;
    return pick;
  }
  resolver_->ResolveSoon();
  pick.status = resolve_error_;
  return pick;
}

// The only endpoint takes every attempt, whatever its connection is like: gRPC connects it, and tells why
// not.
EndpointPool::LookupPick EndpointPool::PickOnly(const std::shared_ptr<Endpoint>& endpoint,
                                                const LookupRequest& request) {
  LookupPick pick;
  if (request.untried_only && !request.tried.empty()) return pick;
  pick.permit = endpoint->breaker().Admit(request.now, request.deadline);
  if (pick.permit) {
    pick.outcome = LookupPick::Outcome::kPicked;
    pick.endpoint = endpoint;
    return pick;
  }
  pick.refusals = 1;
  pick.phase = Phase::kCall;
  pick.status = absl::UnavailableError(absl::StrCat("circuit breaker open for ", Refused(*endpoint)));
  return pick;
}

EndpointPool::LookupPick EndpointPool::PickAmong(const EndpointSet& set, const LookupRequest& request) {
  Candidates candidates(set, request);
  LookupPick pick;
  const auto take = [&](std::size_t index) {
    const std::shared_ptr<Endpoint>& endpoint = set.endpoints[index];
    pick.permit = endpoint->breaker().Admit(request.now, request.deadline);
    if (!pick.permit) {
      candidates.Refuse(index);
      return false;
    }
    pick.outcome = LookupPick::Outcome::kPicked;
    pick.endpoint = endpoint;
    pick.refusals = candidates.refusals();
    return true;
  };

  if (request.avoid_slow && request.tried.empty()) {
    for (std::size_t i = 0; i < set.endpoints.size(); ++i) {
      Endpoint& endpoint = *set.endpoints[i];
      if (endpoint.slow() && endpoint.connectivity() == Connectivity::kReady && !candidates.IsRefused(i) &&
          endpoint.TakeProbe(request.now) && take(i)) {
        return pick;
      }
    }
  }
  do {
    while (const std::optional<std::size_t> index = set.balancer->Pick(request.key, candidates, random_)) {
      if (take(*index)) return pick;
    }
  } while (candidates.Relax());
  if (request.untried_only) return pick;
  return PickUnready(set, request, candidates);
}

EndpointPool::LookupPick EndpointPool::PickUnready(const EndpointSet& set, const LookupRequest& request,
                                                   const Candidates& candidates) {
  LookupPick pick;
  pick.refusals = candidates.refusals();
  std::vector<std::size_t> down;
  for (std::size_t i = 0; i < set.endpoints.size(); ++i) {
    const Connectivity state = set.endpoints[i]->connectivity();
    if (state == Connectivity::kIdle) set.endpoints[i]->Connect();
    if (Rank(state) == 1) pick.outcome = LookupPick::Outcome::kWait;
    if (state == Connectivity::kTransientFailure && !candidates.IsRefused(i)) down.push_back(i);
  }
  if (pick.outcome == LookupPick::Outcome::kWait) return pick;
  // One that this call has not heard the reason of, if possible.
  std::partition(down.begin(), down.end(),
                 [&](std::size_t index) { return !Contains(request.tried, *set.endpoints[index]); });
  if (!down.empty() && request.wait_for_ready) {
    pick.outcome = LookupPick::Outcome::kWait;
    return pick;
  }
  for (const std::size_t index : down) {
    pick.permit = set.endpoints[index]->breaker().Admit(request.now, request.deadline);
    if (!pick.permit) continue;
    pick.outcome = LookupPick::Outcome::kPicked;
    pick.endpoint = set.endpoints[index];
    return pick;
  }
  std::string all;
  for (const std::shared_ptr<Endpoint>& endpoint : set.endpoints) {
    absl::StrAppend(&all, all.empty() ? "" : ", ", Refused(*endpoint));
  }
  pick.phase = Phase::kCall;
  pick.status = absl::UnavailableError(absl::StrCat("circuit breakers open for ", all));
  return pick;
}

bool EndpointPool::HasUntried(std::span<const std::shared_ptr<Endpoint>> tried) const {
  const auto [set, version] = Snapshot();
  if (set == nullptr) return false;
  return std::any_of(
      set->endpoints.begin(), set->endpoints.end(), [&](const std::shared_ptr<Endpoint>& endpoint) {
        return endpoint->connectivity() != Connectivity::kTransientFailure && !Contains(tried, *endpoint);
      });
}

bool EndpointPool::IsConnecting() const {
  const std::shared_ptr<const EndpointSet> set = Snapshot().first;
  return set != nullptr &&
         std::any_of(set->endpoints.begin(), set->endpoints.end(), [](const auto& endpoint) {
           return endpoint->connectivity() == Connectivity::kConnecting ||
                  endpoint->connectivity() == Connectivity::kIdle;
         });
}

void EndpointPool::WhenChanged(std::uint64_t version, EventLoop& loop, std::shared_ptr<Task> task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (version == version_) {
      waiters_.push_back({&loop, std::move(task)});
      return;
    }
  }
  loop.Schedule(std::move(task));
}

EndpointPool::Pick EndpointPool::PickFor(ChannelUse use, std::span<const std::shared_ptr<Endpoint>> tried,
                                         bool waited_for_resolving) {
  std::shared_ptr<const EndpointSet> set;
  std::size_t first = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (set_ == nullptr) {
      absl::Status why_not = ResolveOrWhyNot(waited_for_resolving);
      return {nullptr, why_not.ok(), std::move(why_not)};
    }
    set = set_;
    first = stream_turn_++;
  }
  const std::shared_ptr<Endpoint>* best = nullptr;
  int best_rank = 3;
  for (std::size_t i = 0; i < set->endpoints.size() && best_rank > 0; ++i) {
    const std::shared_ptr<Endpoint>& candidate = set->endpoints[(first + i) % set->endpoints.size()];
    if (Contains(tried, *candidate)) continue;
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

absl::Status EndpointPool::ResolveOrWhyNot(bool waited_for_resolving) {
  if (stopped_) return absl::CancelledError("the client has been shut down");
  if (waited_for_resolving && resolution_ended_) return resolve_error_;
  const bool asked_before = resolver_started_;
  StartResolving();
  if (!asked_before || !resolution_ended_) return absl::OkStatus();
  resolver_->ResolveSoon();
  return resolve_error_;
}

EndpointPool::Listing EndpointPool::List(bool waited_for_resolving) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (set_ != nullptr) return {set_->endpoints, false, absl::OkStatus()};
  absl::Status why_not = ResolveOrWhyNot(waited_for_resolving);
  return {{}, why_not.ok(), std::move(why_not)};
}

void EndpointPool::WhenResolved(EventLoop& loop, std::shared_ptr<Task> task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (set_ == nullptr && !resolution_ended_ && !stopped_) {
      waiters_.push_back({&loop, std::move(task)});
      return;
    }
  }
  loop.Schedule(std::move(task));
}

void EndpointPool::StopWaiting(const std::shared_ptr<Task>& task) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.task == task; });
}

void EndpointPool::StartResolving() {
  if (std::exchange(resolver_started_, true)) return;
  resolver_->Start(
      [this](absl::StatusOr<std::vector<EndpointAddress>> result) { OnResolved(std::move(result)); });
}

std::shared_ptr<Endpoint> EndpointPool::MakeEndpoint(EndpointAddress address) {
  CircuitBreaker::Observer on_change;
  if (options_.observation != nullptr) {
    on_change = [observation = options_.observation, name = address.address.name](BreakerState from,
                                                                                  BreakerState to) {
      observation->Note(name, from, to);
      observation->Flush();
    };
  }
  auto breaker = std::make_unique<CircuitBreaker>(
      options_.breaker, std::chrono::steady_clock::now(), [this] { return random_.Unit(); },
      std::move(on_change));
  return std::make_shared<Endpoint>(std::move(address), *factory_, std::move(breaker), options_.observation);
}

// Endpoints that were there before stay, and stay in front.
std::shared_ptr<const EndpointPool::EndpointSet> EndpointPool::MakeSet(
    std::vector<EndpointAddress> addresses) {
  auto next = std::make_shared<EndpointSet>();
  const auto take = [&](const std::shared_ptr<Endpoint>& endpoint) {
    const auto found = std::find(addresses.begin(), addresses.end(), endpoint->address());
    if (found == addresses.end()) return;
    next->endpoints.push_back(endpoint);
    addresses.erase(found);
  };
  if (set_ != nullptr) std::for_each(set_->endpoints.begin(), set_->endpoints.end(), take);
  for (EndpointAddress& address : addresses) next->endpoints.push_back(MakeEndpoint(std::move(address)));
  std::vector<std::string> names;
  for (const std::shared_ptr<Endpoint>& endpoint : next->endpoints) names.push_back(endpoint->name());
  next->balancer = MakeBalancer(options_.load_balancing, names, random_);
  return next;
}

void EndpointPool::OnResolved(absl::StatusOr<std::vector<EndpointAddress>> result) {
  std::shared_ptr<const EndpointSet> previous;  // goes without the lock: connections may end with it
  std::vector<std::shared_ptr<Endpoint>> added;
  std::vector<std::shared_ptr<Endpoint>> removed;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return;
    resolution_ended_ = true;
    resolve_error_ = result.status();
    std::vector<EndpointAddress> addresses = literal_addresses_;
    if (result.ok()) addresses.insert(addresses.end(), result->begin(), result->end());
    // What was known stays when there is nothing better.
    if ((result.ok() || set_ == nullptr) && !addresses.empty()) {
      previous = std::exchange(set_, MakeSet(std::move(addresses)));
      for (const std::shared_ptr<Endpoint>& endpoint : set_->endpoints) {
        if (previous == nullptr || !Contains(previous->endpoints, *endpoint)) added.push_back(endpoint);
      }
    }
    if (previous != nullptr) {
      std::copy_if(previous->endpoints.begin(), previous->endpoints.end(), std::back_inserter(removed),
                   [&](const auto& endpoint) { return !Contains(set_->endpoints, *endpoint); });
    }
    if (!watching_) added.clear();
    WakeWaiters();
  }
  for (const std::shared_ptr<Endpoint>& endpoint : removed) endpoint->OnRemoved();
  FlushObservation();
  for (const std::shared_ptr<Endpoint>& endpoint : added) {
    Look(*endpoint);
    std::make_shared<Watch>(weak_from_this(), endpoint, watch_loop_())->Start(*endpoint);
  }
}

// A single endpoint is watched from its second lookup on: a program that makes one only needs no thread for
// it.
bool EndpointPool::WatchIfDue(const EndpointSet& set) {
  if (watch_asked_.load(std::memory_order_relaxed)) return false;
  if (set.endpoints.size() == 1 && picks_.fetch_add(1, std::memory_order_relaxed) == 0) return false;
  if (watch_asked_.exchange(true)) return false;
  StartWatching();
  return true;
}

void EndpointPool::StartWatching() {
  std::shared_ptr<const EndpointSet> set;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) return;
    watching_ = true;
    set = set_;
  }
  for (const std::shared_ptr<Endpoint>& endpoint : set->endpoints) {
    Look(*endpoint);
    std::make_shared<Watch>(weak_from_this(), endpoint, watch_loop_())->Start(*endpoint);
  }
}

void EndpointPool::OnConnectivityChanged(Connectivity state) {
  if (state == Connectivity::kReady) was_connected_.store(true, std::memory_order_relaxed);
  if (state == Connectivity::kTransientFailure) OnEndpointFailure();
  const std::lock_guard<std::mutex> lock(mutex_);
  WakeWaiters();
}

// Whoever sees a change first must tell: the watch will find nothing new.
void EndpointPool::Look(Endpoint& endpoint) {
  if (!endpoint.UpdateConnectivity(Clock::now(), random_.Unit())) return;
  OnConnectivityChanged(endpoint.connectivity());
  FlushObservation();
}

void EndpointPool::WakeWaiters() {
  ++version_;
  for (Waiter& waiter : std::exchange(waiters_, {})) waiter.loop->Schedule(std::move(waiter.task));
}

void EndpointPool::OnEndpointFailure() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (resolver_started_ && !stopped_) resolver_->ResolveSoon();
}

std::optional<std::chrono::nanoseconds> EndpointPool::UsualLatency(Time now) {
  Time::rep due = next_review_.load(std::memory_order_relaxed);
  if (now.time_since_epoch().count() >= due &&
      next_review_.compare_exchange_strong(due, (now + kReviewInterval).time_since_epoch().count())) {
    ReviewLatencies();
  }
  const std::int64_t usual = usual_latency_.load();
  if (usual == 0) return std::nullopt;
  return std::chrono::nanoseconds(usual);
}

void EndpointPool::ReviewLatencies() {
  const std::shared_ptr<const EndpointSet> set = Snapshot().first;
  if (set == nullptr) return;
  std::vector<std::chrono::nanoseconds> percentiles;
  for (const std::shared_ptr<Endpoint>& endpoint : set->endpoints) {
    if (const auto percentile = endpoint->latency().Quantile(0.95)) percentiles.push_back(*percentile);
  }
  if (percentiles.empty()) return;
  // Of two endpoints the faster one is the measure, or a pair with one slow endpoint would have none.
  const auto middle = percentiles.begin() + static_cast<std::ptrdiff_t>((percentiles.size() - 1) / 2);
  std::nth_element(percentiles.begin(), middle, percentiles.end());
  const std::chrono::nanoseconds usual = std::max<std::chrono::nanoseconds>(*middle, kLeastUsualLatency);
  usual_latency_.store(usual.count());
  for (const std::shared_ptr<Endpoint>& endpoint : set->endpoints) endpoint->set_usual_latency(usual);
}

std::vector<EndpointStatus> EndpointPool::Describe(Time now) {
  std::shared_ptr<const EndpointSet> set;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (set_ == nullptr && !stopped_) StartResolving();
    set = set_;
  }
  std::vector<EndpointStatus> out;
  if (set == nullptr) return out;
  if (!watch_asked_.exchange(true)) StartWatching();
  for (const std::shared_ptr<Endpoint>& endpoint : set->endpoints) {
    Look(*endpoint);
    out.push_back(endpoint->Describe(now));
  }
  return out;
}

void EndpointPool::Stop() {
  std::shared_ptr<const EndpointSet> last;  // goes without the lock
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    last = std::move(set_);
    set_ = nullptr;
    WakeWaiters();
  }
  // Nobody asks it any more; its listener has returned once it has gone.
  resolver_.reset();
  if (last != nullptr) {
    for (const std::shared_ptr<Endpoint>& endpoint : last->endpoints) endpoint->OnRemoved();
  }
  FlushObservation();
}

}  // namespace dispatchctl::internal
