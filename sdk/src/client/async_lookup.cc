#include "client/async_lookup.h"

#include <utility>

namespace dispatchctl::internal {

AsyncLookup::AsyncLookup(std::shared_ptr<ClientCore> core, std::string_view courier_id,
                         absl::StatusOr<EffectiveOptions> options, LookupCallback callback)
    : core_(std::move(core)),
      registry_(core_->async_calls()),
      courier_id_(courier_id),
      invalid_(!options.ok() ? options.status() : ValidateId("courier_id", courier_id)),
      options_(options.ok() ? *std::move(options) : EffectiveOptions{}),
      callback_(std::move(callback)),
      call_(core_->lookups(), core_->loop(), options_, courier_id_, *this) {}

std::shared_ptr<AsyncLookup> AsyncLookup::Start(std::shared_ptr<ClientCore> core, std::string_view courier_id,
                                                absl::StatusOr<EffectiveOptions> options,
                                                LookupCallback callback) {
  auto lookup =
      std::make_shared<AsyncLookup>(std::move(core), courier_id, std::move(options), std::move(callback));
  lookup->position_ = lookup->registry_->Add(lookup);
  if (!lookup->position_) lookup->invalid_ = ShutDown();
  if (lookup->invalid_.ok()) {
    lookup->call_.Start(lookup->core_->IsOwnThread());
  } else {
    // The callback belongs to the client's own thread.
    lookup->core_->loop().Schedule(std::shared_ptr<Task>(lookup, lookup.get()));
  }
  return lookup;
}

void AsyncLookup::Run() {
  CallReport report;
  report.phase = Phase::kArguments;
  End(invalid_, report);
}

void AsyncLookup::OnCallDone(LookupCall& call) {
  End(std::move(call.result()), call.report());
}

void AsyncLookup::End(absl::StatusOr<CourierStatus> result, const CallReport& report) {
  callback_(std::move(result), report);
  // What the callback holds goes before a destructor that waits for this call may return.
  callback_ = nullptr;
  if (position_) registry_->Remove(*position_);
}

}  // namespace dispatchctl::internal
