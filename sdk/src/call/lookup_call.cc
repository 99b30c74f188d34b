#include "call/lookup_call.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "call/retryable.h"
#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

bool FailedBeforeSending(Phase phase) {
  return phase == Phase::kConnect || phase == Phase::kTls;
}

}  // namespace

// Runs first to begin the wait on the loop's thread, then to end it: the names are resolved, or the call
// cancelled.
class LookupCall::ResolveWait final : public Task {
 public:
  explicit ResolveWait(LookupCall& call) : call_(&call) {}

  void Run() override {
    if (call_ == nullptr) return;
    // Cancel may come before the wait has begun.
    if (begun_ || call_->IsCancelled()) {
      call_->OnResolveWaitOver();
      return;
    }
    begun_ = true;
    call_->loop_.StartTimer(*call_, call_->deadline_);
    call_->pool_.WhenResolved(call_->loop_, call_->resolve_wait_);
  }

  // The call goes on, or has gone, without waiting.
  void Forget() { call_ = nullptr; }

 private:
  LookupCall* call_;
  bool begun_ = false;
};

LookupCall::LookupCall(EndpointPool& pool, EventLoop& loop, const EffectiveOptions& options,
                       const Metadata& default_metadata, std::string_view courier_id,
                       LookupCallHandler& handler)
    : pool_(pool),
      loop_(loop),
      options_(options),
      default_metadata_(default_metadata),
      courier_id_(courier_id),
      handler_(handler),
      started_(Clock::now()),
      deadline_(started_ +
                std::min<std::chrono::nanoseconds>(options.total_timeout, std::chrono::hours(24 * 365))) {}

LookupCall::~LookupCall() = default;

void LookupCall::Start() {
  if (absl::Status status = ValidateId("courier_id", courier_id_); !status.ok()) {
    Fail({std::move(status), Phase::kArguments, Origin::kLocal});
    return;
  }
  if (IsCancelled()) {
    Fail({absl::CancelledError("cancelled before it was sent"), Phase::kCall, Origin::kLocal});
    return;
  }
  TryNextEndpoint(/*waited_for_resolving=*/false);
}

void LookupCall::Cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = true;
  if (attempt_ != nullptr) attempt_->Cancel();
  if (resolve_wait_ != nullptr) loop_.Schedule(resolve_wait_);
}

bool LookupCall::IsCancelled() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return cancelled_;
}

void LookupCall::TryNextEndpoint(bool waited_for_resolving) {
  EndpointPool::Pick pick = pool_.PickFor(ChannelUse::kLookups, tried_, waited_for_resolving);
  if (pick.endpoint != nullptr) {
    StartAttempt(std::move(pick.endpoint));
  } else if (pick.resolving) {
    WaitForResolving();
  } else if (endpoint_ != nullptr) {
    Fail(std::move(last_failure_));
  } else {
    Fail({std::move(pick.status), Phase::kResolve, Origin::kLocal});
  }
}

void LookupCall::WaitForResolving() {
  std::shared_ptr<ResolveWait> wait = std::make_shared<ResolveWait>(*this);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    resolve_wait_ = wait;
  }
  loop_.Schedule(std::move(wait));
}

void LookupCall::StopWaitingForResolving() {
  loop_.CancelTimer(*this);
  std::shared_ptr<ResolveWait> wait;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    wait.swap(resolve_wait_);
  }
  wait->Forget();
  pool_.StopWaiting(wait);
}

void LookupCall::OnResolveWaitOver() {
  StopWaitingForResolving();
  if (IsCancelled()) {
    Fail({absl::CancelledError("cancelled while resolving the target"), Phase::kResolve, Origin::kLocal});
    return;
  }
  TryNextEndpoint(/*waited_for_resolving=*/true);
}

void LookupCall::OnTimer() {
  StopWaitingForResolving();
  Fail({absl::DeadlineExceededError(absl::StrCat(
            "target not resolved within ", absl::FormatDuration(absl::FromChrono(options_.total_timeout)))),
        Phase::kResolve, Origin::kLocal});
}

void LookupCall::StartAttempt(std::shared_ptr<Endpoint> endpoint) {
  endpoint_ = std::move(endpoint);
  ++report_.attempts;
  attempt_started_ = report_.attempts == 1 ? started_ : Clock::now();
  AttemptOptions attempt_options;
  attempt_options.deadline = deadline_;
  if (options_.attempt_timeout) {
    attempt_options.deadline = std::min(deadline_, attempt_started_ + *options_.attempt_timeout);
  }
  attempt_options.wait_for_ready = options_.wait_for_ready;
  attempt_options.default_metadata = &default_metadata_;
  attempt_options.metadata = &options_.metadata;

  std::unique_ptr<LookupAttempt> attempt =
      endpoint_->channel(ChannelUse::kLookups).MakeLookup(loop_, courier_id_, attempt_options, *this);
  LookupAttempt* started = attempt.get();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (cancelled_) attempt->Cancel();
    attempt_ = std::move(attempt);
  }
  started->Start();
}

void LookupCall::OnLookupDone(AttemptEnd end, CourierStatus&& reply) {
  if (end.status.ok()) {
    result_ = std::move(reply);
    End(end.phase, end.origin);
    return;
  }
  end = ExplainDeadline(std::move(end));
  bool cancelled;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    attempt_.reset();
    cancelled = cancelled_;
  }
  const Clock::time_point now = Clock::now();
  report_.history.push_back(
      {endpoint_->name(), end.status, attempt_started_ - started_, now - attempt_started_, false});
  // Nothing was sent, so that another endpoint may be asked whatever the call does.
  if (FailedBeforeSending(end.phase) && !cancelled && now < deadline_) {
    tried_.push_back(endpoint_);
    last_failure_ = std::move(end);
    TryNextEndpoint(/*waited_for_resolving=*/false);
    return;
  }
  Fail(std::move(end));
}

AttemptEnd LookupCall::ExplainDeadline(AttemptEnd end) const {
  if (end.status.code() != absl::StatusCode::kDeadlineExceeded || end.origin == Origin::kServer) return end;
  const bool connected =
      endpoint_->channel(ChannelUse::kLookups).state(/*try_to_connect=*/false) == Connectivity::kReady;
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - attempt_started_);
  end.phase = connected ? Phase::kCall : Phase::kConnect;
  end.status = absl::DeadlineExceededError(absl::StrCat(connected ? "no answer from " : "no connection to ",
                                                        endpoint_->name(), " within ",
                                                        absl::FormatDuration(absl::FromChrono(elapsed))));
  return end;
}

void LookupCall::Fail(AttemptEnd end) {
  report_.retryable = IsRetryable(end.status.code(), end.phase);
  result_ = std::move(end.status);
  End(end.phase, end.origin);
}

void LookupCall::End(Phase phase, Origin origin) {
  report_.phase = phase;
  report_.origin = origin;
  if (endpoint_ != nullptr) report_.endpoint = endpoint_->name();
  report_.elapsed = Clock::now() - started_;
  handler_.OnCallDone(*this);
}

}  // namespace dispatchctl::internal
