#include "client/client_connection.h"

#include <utility>

#include "call/bulk_lookup.h"
#include "call/effective_options.h"
#include "call/lookup_call.h"
#include "stream/stream_driver.h"

namespace dispatchctl::internal {
namespace {

// More threads than this at once make new loops.
constexpr std::size_t kMostIdleLoops = 64;

class BlockingHandler final : public LookupCallHandler {
 public:
  void OnCallDone(LookupCall&) override { done_ = true; }
  const bool& done() const { return done_; }

 private:
  bool done_ = false;
};

}  // namespace

ClientConnection::ClientConnection(std::shared_ptr<ClientCore> core, CallOptions defaults)
    : core_(std::move(core)),
      defaults_(std::move(defaults)),
      async_lookups_(std::make_shared<AsyncLookupSet>()) {}

ClientConnection::~ClientConnection() {
  async_lookups_->CancelAll();
  if (!core_->IsOwnThread()) async_lookups_->WaitUntilEmpty();
}

absl::StatusOr<CourierStatus> ClientConnection::GetCourierStatus(std::string_view courier_id,
                                                                 const CallOptions& options,
                                                                 CallReport* report) {
  absl::StatusOr<EffectiveOptions> effective = Resolve(options, defaults_);
  if (!effective.ok()) {
    if (report != nullptr) *report = CallReport{};
    return effective.status();
  }
  std::unique_ptr<EventLoop> loop = TakeLoop();
  BlockingHandler handler;
  LookupCall call(core_->pool(), *loop, *effective, core_->default_metadata(), courier_id, handler);
  call.Start();
  loop->RunUntil(handler.done());
  if (report != nullptr) *report = std::move(call.report());
  ReturnLoop(std::move(loop));
  return std::move(call.result());
}

CallHandle ClientConnection::GetCourierStatusAsync(std::string_view courier_id, const CallOptions& options,
                                                   LookupCallback callback) {
  return CallHandle(std::weak_ptr<Cancellable>(AsyncLookup::Start(
      core_, async_lookups_, courier_id, Resolve(options, defaults_), std::move(callback))));
}

absl::StatusOr<std::unique_ptr<BulkLookup>> ClientConnection::StartBulkLookup(BulkLookupOptions options) {
  absl::StatusOr<EffectiveOptions> effective = Resolve(options.call, defaults_);
  if (!effective.ok()) return effective.status();
  return MakeBulkLookup(core_, std::move(options), *std::move(effective));
}

absl::StatusOr<std::unique_ptr<AssignmentStream>> ClientConnection::StreamAssignments(StreamOptions options) {
  return MakeAssignmentStream(core_, std::move(options));
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
