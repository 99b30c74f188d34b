#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "call/cancellable.h"
#include "call/client_core.h"
#include "call/effective_options.h"
#include "call/lookup_call.h"
#include "dispatchctl/lookup.h"

namespace dispatchctl::internal {

class AsyncLookup;

// The asynchronous lookups of a client that have not ended. Thread-safe.
class AsyncLookupSet {
 public:
  using Position = std::list<std::shared_ptr<AsyncLookup>>::iterator;

  Position Add(std::shared_ptr<AsyncLookup> lookup);
  void Remove(Position position);
  void CancelAll();
  void WaitUntilEmpty();

 private:
  std::mutex mutex_;
  std::condition_variable emptied_;
  std::list<std::shared_ptr<AsyncLookup>> lookups_;
};

// One asynchronous lookup. Its set keeps it alive until its callback has returned.
class AsyncLookup final : public Cancellable, private LookupCallHandler, private Task {
 public:
  static std::shared_ptr<AsyncLookup> Start(std::shared_ptr<ClientCore> core,
                                            std::shared_ptr<AsyncLookupSet> set, std::string_view courier_id,
                                            absl::StatusOr<EffectiveOptions> options,
                                            LookupCallback callback);

  void Cancel() override { call_.Cancel(); }

 private:
  AsyncLookup(std::shared_ptr<ClientCore> core, std::shared_ptr<AsyncLookupSet> set,
              std::string_view courier_id, absl::StatusOr<EffectiveOptions> options, LookupCallback callback);

  void OnCallDone(LookupCall& call) override;
  // Tells of an error that was found before the call could start.
  void Run() override;
  void End(absl::StatusOr<CourierStatus> result, const CallReport& report);

  const std::shared_ptr<ClientCore> core_;
  const std::shared_ptr<AsyncLookupSet> set_;
  const std::string courier_id_;
  const absl::Status invalid_;
  const EffectiveOptions options_;
  LookupCallback callback_;
  AsyncLookupSet::Position position_;
  LookupCall call_;
};

}  // namespace dispatchctl::internal
