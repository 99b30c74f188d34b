#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "call/call_registry.h"
#include "call/cancellable.h"
#include "call/client_core.h"
#include "call/effective_options.h"
#include "call/lookup_call.h"
#include "dispatchctl/lookup.h"

namespace dispatchctl::internal {

// One asynchronous lookup. The client's registry keeps it alive until its callback has returned.
class AsyncLookup final : public Cancellable, private LookupCallHandler, private Task {
 public:
  static std::shared_ptr<AsyncLookup> Start(std::shared_ptr<ClientCore> core, std::string_view courier_id,
                                            const CallOptions& options, LookupCallback callback);

  // For Start alone; public so that make_shared, with its one allocation, can have it.
  // `own_options`: null where they are the client's.
  AsyncLookup(std::shared_ptr<ClientCore> core, std::string_view courier_id,
              std::unique_ptr<const EffectiveOptions> own_options, absl::Status invalid,
              LookupCallback callback);

  void Cancel() override { call_.Cancel(); }

 private:
  void OnCallDone(LookupCall& call) override;
  // Tells of an error that was found before the call could start.
  void Run() override;
  void End(absl::StatusOr<CourierStatus>&& result, const CallReport& report);

  const std::shared_ptr<ClientCore> core_;
  const std::string courier_id_;
  const std::unique_ptr<const EffectiveOptions> own_options_;
  absl::Status invalid_;
  LookupCallback callback_;
  std::optional<CallRegistry::Position> position_;
  LookupCall call_;
};

}  // namespace dispatchctl::internal
