#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <memory>
#include <vector>

#include "call/cancellable.h"
#include "call/lookup_environment.h"
#include "dispatchctl/health.h"
#include "endpoints/endpoint.h"
#include "transport/channel.h"
#include "transport/event_loop.h"

namespace dispatchctl::internal {

// Asks every endpoint of a client, all at once, how it is; on a loop that its caller runs. What they answer
// says nothing of lookups, so it feeds neither breakers nor budgets.
class HealthChecks final : public Cancellable {
 public:
  // `environment`, `loop` and `options` must outlive it.
  HealthChecks(LookupEnvironment& environment, EventLoop& loop, const HealthOptions& options);
  ~HealthChecks() override;

  // Once. In the order of the target's endpoints. Errors: why no endpoint is known.
  absl::StatusOr<std::vector<EndpointHealth>> Run();

  // From any thread, while it exists.
  void Cancel() override;

 private:
  class Check;
  class Turn;
  class ResolvingTimer;

  void Continue(bool waited);
  void End(absl::Status status);
  void OnCheckDone();

  LookupEnvironment& environment_;
  EventLoop& loop_;
  const HealthOptions& options_;
  const Clock::time_point deadline_;
  const std::shared_ptr<Turn> turn_;
  const std::unique_ptr<ResolvingTimer> resolving_timer_;
  std::atomic<bool> cancelled_{false};
  bool started_ = false;
  bool done_ = false;
  absl::Status status_;
  std::vector<EndpointHealth> results_;
  std::vector<std::unique_ptr<Check>> checks_;
  std::size_t under_way_ = 0;
};

}  // namespace dispatchctl::internal
