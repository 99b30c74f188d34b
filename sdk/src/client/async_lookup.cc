#include "client/async_lookup.h"

#include <utility>

namespace dispatchctl::internal {

AsyncLookupSet::Position AsyncLookupSet::Add(std::shared_ptr<AsyncLookup> lookup) {
  const std::lock_guard<std::mutex> lock(mutex_);
  lookups_.push_front(std::move(lookup));
  return lookups_.begin();
}

void AsyncLookupSet::Remove(Position position) {
  std::list<std::shared_ptr<AsyncLookup>> removed;  // outlives the lock: the lookup's end may release much
  const std::lock_guard<std::mutex> lock(mutex_);
  removed.splice(removed.begin(), lookups_, position);
  if (lookups_.empty()) emptied_.notify_all();
}

void AsyncLookupSet::CancelAll() {
  std::vector<std::shared_ptr<AsyncLookup>> lookups;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    lookups.assign(lookups_.begin(), lookups_.end());
  }
  for (const std::shared_ptr<AsyncLookup>& lookup : lookups) lookup->Cancel();
}

void AsyncLookupSet::WaitUntilEmpty() {
  std::unique_lock<std::mutex> lock(mutex_);
  emptied_.wait(lock, [&] { return lookups_.empty(); });
}

AsyncLookup::AsyncLookup(std::shared_ptr<ClientCore> core, std::shared_ptr<AsyncLookupSet> set,
                         std::string_view courier_id, absl::StatusOr<EffectiveOptions> options,
                         LookupCallback callback)
    : core_(std::move(core)),
      set_(std::move(set)),
      courier_id_(courier_id),
      invalid_(!options.ok() ? options.status() : ValidateId("courier_id", courier_id)),
      options_(options.ok() ? *std::move(options) : EffectiveOptions{}),
      callback_(std::move(callback)),
      call_(core_->pool(), core_->loop(), options_, core_->default_metadata(), courier_id_, *this) {}

std::shared_ptr<AsyncLookup> AsyncLookup::Start(std::shared_ptr<ClientCore> core,
                                                std::shared_ptr<AsyncLookupSet> set,
                                                std::string_view courier_id,
                                                absl::StatusOr<EffectiveOptions> options,
                                                LookupCallback callback) {
  std::shared_ptr<AsyncLookup> lookup(
      new AsyncLookup(std::move(core), std::move(set), courier_id, std::move(options), std::move(callback)));
  lookup->position_ = lookup->set_->Add(lookup);
  if (lookup->invalid_.ok()) {
    lookup->call_.Start();
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
  set_->Remove(position_);
}

}  // namespace dispatchctl::internal
