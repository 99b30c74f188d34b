#include "client/async_lookup.h"

#include <utility>

namespace dispatchctl::internal {

AsyncLookup::AsyncLookup(std::shared_ptr<ClientCore> core, std::string_view courier_id,
                         std::unique_ptr<const EffectiveOptions> own_options, absl::Status invalid,
                         LookupCallback callback)
    : core_(std::move(core)),
      courier_id_(courier_id),
      own_options_(std::move(own_options)),
      invalid_(std::move(invalid)),
      callback_(std::move(callback)),
      call_(core_->lookups(), core_->loop(),
            own_options_ != nullptr ? *own_options_ : core_->lookups().default_options, courier_id_, *this) {}

std::shared_ptr<AsyncLookup> AsyncLookup::Start(std::shared_ptr<ClientCore> core, std::string_view courier_id,
                                                const CallOptions& options, LookupCallback callback) {
  absl::Status invalid = ValidateId("courier_id", courier_id);
  std::unique_ptr<const EffectiveOptions> own_options;
  if (!SetsNothing(options)) {
    absl::StatusOr<EffectiveOptions> resolved = Resolve(options, core->lookups().default_options);
    if (resolved.ok()) {
      own_options = std::make_unique<const EffectiveOptions>(*std::move(resolved));
    } else {
      invalid = resolved.status();
    }
  }
  auto lookup = std::make_shared<AsyncLookup>(std::move(core), courier_id, std::move(own_options),
                                              std::move(invalid), std::move(callback));
  lookup->position_ = lookup->core_->async_calls()->Add(lookup);
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
  End(std::move(invalid_), report);
}

void AsyncLookup::OnCallDone(LookupCall& call) {
  End(std::move(call.result()), call.report());
}

void AsyncLookup::End(absl::StatusOr<CourierStatus>&& result, const CallReport& report) {
  callback_(std::move(result), report);
  // What the callback holds goes before a destructor that waits for this call may return.
  callback_ = nullptr;
  if (!position_) return;
  core_->async_calls()->Remove(*position_);
}

}  // namespace dispatchctl::internal
