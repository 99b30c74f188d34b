#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "endpoints/endpoint.h"
#include "endpoints/resolver.h"
#include "endpoints/target.h"
#include "transport/channel.h"
#include "transport/event_loop.h"

namespace dispatchctl::internal {

// Endpoints that a call has tried already.
using TriedEndpoints = std::vector<std::shared_ptr<Endpoint>>;

// The endpoints of one target, and whose turn it is. Thread-safe.
class EndpointPool {
 public:
  // `resolver` may be null when the target has no names. Nothing is resolved or connected yet.
  EndpointPool(Target target, std::unique_ptr<Resolver> resolver, std::unique_ptr<ChannelFactory> factory);

  struct Pick {
    std::shared_ptr<Endpoint> endpoint;  // null: see the others
    bool resolving = false;              // not known yet: WhenResolved tells
    absl::Status status;                 // why there is none, when that is final
  };

  // The next endpoint in turn that is not in `tried`: a connected one if there is any, else one that is not
  // known to be down, else any, whose failure then tells the cause. Where nothing has been resolved yet, that
  // is started, unless the caller comes from having waited for it: then its error is final.
  Pick PickFor(ChannelUse use, std::span<const std::shared_ptr<Endpoint>> tried, bool waited_for_resolving);

  // Has `task` run on `loop` once the resolution under way has ended, whatever its outcome.
  void WhenResolved(EventLoop& loop, std::shared_ptr<Task> task);

  // Whoever waits with `task` waits no longer; its loop is not used from now on.
  void StopWaiting(const std::shared_ptr<Task>& task);

 private:
  struct Waiter {
    EventLoop* loop;  // never null
    std::shared_ptr<Task> task;
  };

  void StartResolving();
  void OnResolved(absl::StatusOr<std::vector<EndpointAddress>> result);

  const std::unique_ptr<ChannelFactory> factory_;
  const std::vector<EndpointAddress> literal_addresses_;

  std::mutex mutex_;
  std::vector<std::shared_ptr<Endpoint>> endpoints_;
  std::size_t turn_ = 0;
  bool resolving_ = false;
  absl::Status resolve_error_;  // of the last resolution
  std::vector<Waiter> waiters_;

  const std::unique_ptr<Resolver> resolver_;  // last: its callback uses all above
};

}  // namespace dispatchctl::internal
