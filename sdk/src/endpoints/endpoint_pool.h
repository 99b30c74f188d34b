#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatchctl/call_report.h"
#include "dispatchctl/circuit_breaker.h"
#include "dispatchctl/endpoint_status.h"
#include "dispatchctl/load_balancing.h"
#include "endpoints/balancer.h"
#include "endpoints/endpoint.h"
#include "endpoints/random.h"
#include "endpoints/resolver.h"
#include "endpoints/target.h"
#include "observe/observation.h"
#include "transport/channel.h"
#include "transport/event_loop.h"

namespace dispatchctl::internal {

// Endpoints that a call has tried already.
using TriedEndpoints = std::vector<std::shared_ptr<Endpoint>>;

struct EndpointPoolOptions {
  LoadBalancing load_balancing = LoadBalancing::kRoundRobin;
  CircuitBreakerOptions breaker;
  std::uint64_t seed = 0;
  std::shared_ptr<Observation> observation = nullptr;  // null: none
};

// The endpoints of one target, their connections, and whose turn it is. Thread-safe.
//
// Endpoints come and go as the names' addresses do: one that has gone gets no new attempts, and its
// connection ends with the last attempt on it.
class EndpointPool : public std::enable_shared_from_this<EndpointPool> {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `resolver` may be null when the target has no names. `watch_loop` gives the loop on which connections are
  // watched; it is asked when there is something to watch. Nothing is resolved or connected yet.
  static std::shared_ptr<EndpointPool> Make(Target target, std::unique_ptr<Resolver> resolver,
                                            std::unique_ptr<ChannelFactory> factory,
                                            const EndpointPoolOptions& options,
                                            std::function<EventLoop&()> watch_loop);

  struct LookupRequest {
    std::string_view key = {};
    std::span<const std::shared_ptr<Endpoint>> tried = {};
    Time now = {};
    Time deadline = {};
    bool wait_for_ready = false;
    bool avoid_slow = false;
    bool untried_only = false;
  };

  struct LookupPick {
    enum class Outcome {
      kPicked,
      kWait,  // nothing is resolved or connected yet: WhenChanged tells
      kNone,  // and waiting would not help: see status and phase
    };
    Outcome outcome = Outcome::kNone;
    std::shared_ptr<Endpoint> endpoint;
    CircuitBreaker::Permit permit;
    absl::Status status;
    Phase phase = Phase::kConnect;
    std::uint64_t version = 0;  // for WhenChanged
    int refusals = 0;           // endpoints whose breaker did not let the attempt through
  };

  // An endpoint for one attempt: connected, its breaker closed, not tried before, as the balancer chooses.
  // Where there is none, one that was tried; one that is known to be down, whose failure tells the cause.
  LookupPick PickForLookup(const LookupRequest& request);

  // Has `task` run on `loop` once something has changed since the pick of that version.
  void WhenChanged(std::uint64_t version, EventLoop& loop, std::shared_ptr<Task> task);

  struct Pick {
    std::shared_ptr<Endpoint> endpoint;  // null: see the others
    bool resolving = false;              // not known yet: WhenResolved tells
    absl::Status status;                 // why there is none, when that is final
  };

  // The next endpoint in turn that is not in `tried`: a connected one if there is any, else one that is not
  // known to be down, else any, whose failure then tells the cause. Where nothing has been resolved yet, that
  // is started, unless the caller comes from having waited for it: then its error is final.
  Pick PickFor(ChannelUse use, std::span<const std::shared_ptr<Endpoint>> tried, bool waited_for_resolving);

  struct Listing {
    std::vector<std::shared_ptr<Endpoint>> endpoints;  // none: see the others
    bool resolving = false;                            // not known yet: WhenResolved tells
    absl::Status status;                               // why there are none, when that is final
  };

  // All endpoints. Resolving is started and its error final as with PickFor.
  Listing List(bool waited_for_resolving);

  // Has `task` run on `loop` once the resolution under way has ended, whatever its outcome.
  void WhenResolved(EventLoop& loop, std::shared_ptr<Task> task);

  // Whoever waits with `task` waits no longer; its loop is not used from now on.
  void StopWaiting(const std::shared_ptr<Task>& task);

  // True when an endpoint that is none of `tried` is not known to be down.
  bool HasUntried(std::span<const std::shared_ptr<Endpoint>> tried) const;

  // True while a connection is being made, or about to be, which takes somebody who waits for events.
  bool IsConnecting() const;

  // True once any endpoint has been connected.
  bool was_connected() const { return was_connected_.load(std::memory_order_relaxed); }

  // An attempt has come as far as the endpoint's server.
  void OnReached() {
    if (!was_connected()) was_connected_.store(true, std::memory_order_relaxed);
  }

  // An attempt found no connection to the endpoint, or lost it: the watch may not have heard of it yet.
  void OnConnectFailure(Endpoint& endpoint) { Look(endpoint); }

  // An attempt has failed in a way that another set of endpoints might not: names are resolved again soon.
  void OnEndpointFailure();

  // What most endpoints' answers take no longer than: the median of the endpoints' 95th percentiles, so that
  // a slow one does not set the measure. At least 1 ms. Unset: too little is known. Reviewed every now and
  // then as long as it is asked for, which is also what endpoints are found slow by.
  std::optional<std::chrono::nanoseconds> UsualLatency(Time now);

  std::vector<EndpointStatus> Describe(Time now);

  // Ends all watching; nothing is picked any more. Before the watch loop ends.
  void Stop();

 private:
  class Watch;
  struct EndpointSet {
    std::vector<std::shared_ptr<Endpoint>> endpoints;
    std::unique_ptr<Balancer> balancer;
  };
  struct Waiter {
    EventLoop* loop;  // never null
    std::shared_ptr<Task> task;
  };
  class Candidates;

  EndpointPool(std::unique_ptr<ChannelFactory> factory, std::vector<EndpointAddress> literal_addresses,
               std::unique_ptr<Resolver> resolver, const EndpointPoolOptions& options,
               std::function<EventLoop&()> watch_loop);

  std::pair<std::shared_ptr<const EndpointSet>, std::uint64_t> Snapshot() const;
  // Why there is no set; OK: it is being resolved. With the mutex held.
  absl::Status ResolveOrWhyNot(bool waited_for_resolving);
  LookupPick PickUnresolved(const LookupRequest& request);
  LookupPick PickOnly(const std::shared_ptr<Endpoint>& endpoint, const LookupRequest& request);
  LookupPick PickAmong(const EndpointSet& set, const LookupRequest& request);
  LookupPick PickUnready(const EndpointSet& set, const LookupRequest& request, const Candidates& candidates);
  std::shared_ptr<Endpoint> MakeEndpoint(EndpointAddress address);
  std::shared_ptr<const EndpointSet> MakeSet(std::vector<EndpointAddress> addresses);
  void StartResolving();
  void OnResolved(absl::StatusOr<std::vector<EndpointAddress>> result);
  // True: watching has begun with it.
  bool WatchIfDue(const EndpointSet& set);
  void StartWatching();
  void Look(Endpoint& endpoint);
  void FlushObservation() const {
    if (options_.observation != nullptr) options_.observation->Flush();
  }
  void OnConnectivityChanged(Connectivity state);
  void WakeWaiters();
  void ReviewLatencies();

  const std::unique_ptr<ChannelFactory> factory_;
  const std::vector<EndpointAddress> literal_addresses_;
  const EndpointPoolOptions options_;
  const std::function<EventLoop&()> watch_loop_;
  AtomicRandom random_;

  mutable std::mutex mutex_;                // guards the block below
  std::shared_ptr<const EndpointSet> set_;  // null: nothing is resolved
  std::uint64_t version_ = 0;
  std::size_t stream_turn_ = 0;
  bool resolver_started_ = false;
  bool resolution_ended_ = false;  // at least one
  absl::Status resolve_error_;     // of the last resolution
  bool watching_ = false;
  bool stopped_ = false;
  std::vector<Waiter> waiters_;

  std::atomic<bool> watch_asked_{false};
  std::atomic<std::uint64_t> picks_{0};
  std::atomic<bool> was_connected_{false};
  std::atomic<Time::rep> next_review_{0};
  std::atomic<std::int64_t> usual_latency_{0};  // nanoseconds; 0: unknown

  std::unique_ptr<Resolver> resolver_;  // last: its listener uses all above
};

}  // namespace dispatchctl::internal
