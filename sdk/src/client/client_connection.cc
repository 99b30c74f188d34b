#include "client/client_connection.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "call/bulk_lookup.h"
#include "call/cancellable.h"
#include "call/effective_options.h"
#include "call/health_checks.h"
#include "call/lookup_call.h"
#include "client/async_lookup.h"
#include "dispatchctl/validation.h"
#include "stream/stream_driver.h"

namespace dispatchctl::internal {
namespace {

// More threads than this at once make new loops.
constexpr std::size_t kMostIdleLoops = 64;

// A call whose caller waits for it.
class BlockingCall final : public Cancellable, private LookupCallHandler {
 public:
  BlockingCall(LookupEnvironment& environment, EventLoop& loop, const EffectiveOptions& options,
               std::string_view courier_id)
      : loop_(loop), call_(environment, loop, options, courier_id, *this) {}

  LookupCall& Run() {
    call_.Start(/*on_loop=*/true);
    loop_.RunUntil(done_);
    return call_;
  }

  void Cancel() override { call_.Cancel(); }

 private:
  void OnCallDone(LookupCall&) override { done_ = true; }

  EventLoop& loop_;
  bool done_ = false;
  LookupCall call_;
};

}  // namespace

ClientConnection::ClientConnection(std::shared_ptr<ClientCore> core) : core_(std::move(core)) {}

ClientConnection::~ClientConnection() {
  core_->async_calls()->CancelAll();
  if (!core_->IsOwnThread()) core_->async_calls()->WaitUntilEmpty();
}

absl::StatusOr<CourierStatus> ClientConnection::GetCourierStatus(std::string_view courier_id,
                                                                 const CallOptions& options,
                                                                 CallReport* report) {
  LookupEnvironment& lookups = core_->lookups();
  std::optional<EffectiveOptions> own;
  if (!SetsNothing(options)) {
    absl::StatusOr<EffectiveOptions> resolved = Resolve(options, lookups.default_options);
    if (!resolved.ok()) {
      if (report != nullptr) *report = CallReport{};
      return resolved.status();
    }
    own = *std::move(resolved);
  }
  std::unique_ptr<EventLoop> loop = TakeLoop();
  BlockingCall call(lookups, *loop, own ? *own : lookups.default_options, courier_id);
  // Not owned: it is removed before it goes.
  const auto position =
      core_->owned_calls()->Add(std::shared_ptr<Cancellable>(std::shared_ptr<void>(), &call));
  if (!position) {
    if (report != nullptr) *report = CallReport{};
    return ShutDown();
  }
  LookupCall& ended = call.Run();
  core_->owned_calls()->Remove(*position);
  ReturnLoop(std::move(loop));
  if (report != nullptr) *report = std::move(ended.report());
  return std::move(ended.result());
}

CallHandle ClientConnection::GetCourierStatusAsync(std::string_view courier_id, const CallOptions& options,
                                                   LookupCallback callback) {
  return CallHandle(
      std::weak_ptr<Cancellable>(AsyncLookup::Start(core_, courier_id, options, std::move(callback))));
}

absl::StatusOr<std::unique_ptr<BulkLookup>> ClientConnection::StartBulkLookup(BulkLookupOptions options) {
  absl::StatusOr<EffectiveOptions> effective = Resolve(options.call, core_->lookups().default_options);
  if (!effective.ok()) return effective.status();
  return MakeBulkLookup(core_, std::move(options), *std::move(effective));
}

absl::StatusOr<std::unique_ptr<AssignmentStream>> ClientConnection::StreamAssignments(StreamOptions options) {
  return MakeAssignmentStream(core_, std::move(options));
}

std::vector<EndpointStatus> ClientConnection::Endpoints() {
  return core_->pool().Describe(std::chrono::steady_clock::now());
}

absl::StatusOr<std::vector<EndpointHealth>> ClientConnection::CheckHealth(const HealthOptions& options) {
  if (options.timeout <= std::chrono::nanoseconds(0)) {
    return absl::InvalidArgumentError("timeout must be more than zero");
  }
  if (!IsValidUtf8(options.service)) {
    return absl::InvalidArgumentError("service must be UTF-8");
  }
  std::unique_ptr<EventLoop> loop = TakeLoop();
  absl::StatusOr<std::vector<EndpointHealth>> health = ShutDown();
  {
    HealthChecks checks(core_->lookups(), *loop, options);
    // Not owned: it is removed before it goes.
    const auto position =
        core_->owned_calls()->Add(std::shared_ptr<Cancellable>(std::shared_ptr<void>(), &checks));
    if (!position) return health;
    health = checks.Run();
    core_->owned_calls()->Remove(*position);
  }
  ReturnLoop(std::move(loop));
  return health;
}

absl::Status ClientConnection::Shutdown(std::chrono::nanoseconds timeout) {
  if (core_->IsOwnThread()) {
    return absl::FailedPreconditionError("a client cannot be shut down from one of its callbacks");
  }
  constexpr std::chrono::hours kLongest{24 * 365};
  return core_->Shutdown(
      std::chrono::steady_clock::now() +
      std::clamp<std::chrono::nanoseconds>(timeout, std::chrono::nanoseconds(0), kLongest));
}

std::unique_ptr<EventLoop> ClientConnection::TakeLoop() {
  {
    const std::lock_guard<std::mutex> lock(loops_mutex_);
    if (!idle_loops_.empty()) {
      std::unique_ptr<EventLoop> loop = std::move(idle_loops_.back());
      idle_loops_.pop_back();
      return loop;
    }
  }
  return std::make_unique<EventLoop>();
}

void ClientConnection::ReturnLoop(std::unique_ptr<EventLoop> loop) {
  const std::lock_guard<std::mutex> lock(loops_mutex_);
  if (idle_loops_.size() < kMostIdleLoops) idle_loops_.push_back(std::move(loop));
}

}  // namespace dispatchctl::internal
