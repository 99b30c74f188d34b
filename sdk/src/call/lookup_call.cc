#include "call/lookup_call.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <algorithm>
#include <string>
#include <utility>

#include "call/authorization.h"
#include "call/fallback_store.h"
#include "call/retryable.h"
#include "call/verdict.h"
#include "contract/methods.h"
#include "contract/text.h"
#include "dispatchctl/validation.h"

namespace dispatchctl::internal {
namespace {

// Longer than any call; keeps sums within the clock's range.
constexpr std::chrono::hours kLongestTimeout{24 * 365};

// When to look again for room for a retry: they take about as long as a call.
constexpr std::chrono::milliseconds kRoomRetry{5};

// What core says of calls whose connection broke under them, UNKNOWN where it broke the connection itself.
// CANCELLED that nobody on this side asked for is what gRPC's C++ servers end calls with that they have not
// taken up yet when they shut down.
bool LostConnection(const AttemptEnd& end) {
  if (end.phase != Phase::kCall) return false;
  switch (end.status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnknown:
      return end.origin == Origin::kLocal;
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

bool FailedBeforeSending(Phase phase) {
  return phase == Phase::kResolve || phase == Phase::kConnect || phase == Phase::kTls;
}

}  // namespace

// The call as a task of the loop's: what begins there, and what wakes it up.
class LookupCall::Continuation final : public Task {
 public:
  explicit Continuation(LookupCall& call) : call_(&call) {}

  void Run() override {
    if (call_ != nullptr) call_->OnContinue();
  }

  // The call is going.
  void Forget() { call_ = nullptr; }

 private:
  LookupCall* call_;
};

void LookupCall::Attempt::OnLookupDone(AttemptEnd end, CourierStatus&& reply) {
  call.OnAttemptDone(*this, std::move(end), std::move(reply));
}

LookupCall::LookupCall(LookupEnvironment& environment, EventLoop& loop, const EffectiveOptions& options,
                       std::string_view courier_id, LookupCallHandler& handler)
    : environment_(environment),
      loop_(loop),
      options_(options),
      courier_id_(courier_id),
      handler_(handler),
      started_(Clock::now()),
      deadline_(started_ + std::min<std::chrono::nanoseconds>(options.total_timeout, kLongestTimeout)),
      retry_(options.retry),
      first_(*this) {}

LookupCall::~LookupCall() = default;

void LookupCall::Start(bool on_loop) {
  on_loop_ = on_loop;
  environment_.in_flight.fetch_add(1, std::memory_order_relaxed);
  if (absl::Status status = ValidateId("courier_id", courier_id_); !status.ok()) {
    Fail({std::move(status), Phase::kArguments, Origin::kLocal}, started_);
    return;
  }
  observed_ = ObservedCall::Start(environment_.observation.get(), kLookupMethod, options_.trace_context);
  if (IsCancelled()) {
    Fail({absl::CancelledError("cancelled before it was sent"), Phase::kCall, Origin::kLocal}, started_);
    return;
  }
  if (options_.hedging.mode != HedgingMode::kOff) {
    environment_.hedge_budget.OnCall(options_.hedging.max_ratio);
    hedges_.emplace(options_.hedging, options_.retry,
                    HedgeDelay(options_.hedging, environment_.pool->UsualLatency(started_)));
    if (!on_loop) {
      // The hedge's timer is the loop's.
      EventLoop& loop = loop_;
      loop.Schedule(std::shared_ptr<Continuation>(continuation()));
      return;
    }
  }
  TryNext(started_);
}

void LookupCall::Cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancelled_.store(true);
  ForEachUnderWay([](Attempt& attempt) { attempt.rpc->Cancel(); });
  if (continuation_ != nullptr) loop_.Schedule(continuation_);
}

template <class Visitor>
void LookupCall::ForEachUnderWay(Visitor visitor) {
  if (first_.rpc != nullptr) visitor(first_);
  for (const std::unique_ptr<Attempt>& attempt : others_) {
    if (attempt->rpc != nullptr) visitor(*attempt);
  }
}

LookupCall::Attempt& LookupCall::FreeAttempt() {
  if (first_.rpc == nullptr) return first_;
  for (const std::unique_ptr<Attempt>& attempt : others_) {
    if (attempt->rpc == nullptr) return *attempt;
  }
  return *others_.emplace_back(std::make_unique<Attempt>(*this));
}

const std::shared_ptr<LookupCall::Continuation>& LookupCall::continuation() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (continuation_ == nullptr) continuation_ = std::make_shared<Continuation>(*this);
  return continuation_;
}

void LookupCall::OnContinue() {
  on_loop_ = true;
  const bool cancelled = IsCancelled();
  switch (stage_) {
    case Stage::kStarting:
    case Stage::kWaiting:
      StopTimer();
      if (cancelled) {
        environment_.pool->StopWaiting(continuation_);
        Fail(
            {absl::CancelledError("cancelled while waiting for an endpoint"), awaited_phase_, Origin::kLocal},
            Clock::now());
      } else {
        TryNext(Clock::now());
      }
      return;
    case Stage::kWaitWanted:
      BeginWait();
      return;
    case Stage::kBackingOff:
      if (!cancelled) return;
      StopTimer();
      Fail({absl::CancelledError("cancelled between attempts"), Phase::kCall, Origin::kLocal}, Clock::now());
      return;
    case Stage::kAttempting:
    case Stage::kEnded:
      return;
  }
}

void LookupCall::StartTimer(Clock::time_point when) {
  loop_.StartTimer(*this, when);
  timer_armed_ = true;
}

void LookupCall::StopTimer() {
  if (std::exchange(timer_armed_, false)) loop_.CancelTimer(*this);
}

void LookupCall::OnTimer() {
  timer_armed_ = false;
  const Clock::time_point now = Clock::now();
  switch (stage_) {
    case Stage::kAttempting:
      TryHedge(now);
      return;
    case Stage::kWaiting:
      environment_.pool->StopWaiting(continuation_);
      Fail({absl::DeadlineExceededError(
                absl::StrCat(awaited_phase_ == Phase::kResolve ? "target not resolved within "
                                                               : "no endpoint connected within ",
                             absl::FormatDuration(absl::FromChrono(options_.total_timeout)))),
            awaited_phase_, Origin::kLocal},
           now);
      return;
    case Stage::kBackingOff:
      slot_ = environment_.retry_budget.TryAcquire(environment_.in_flight.load(std::memory_order_relaxed));
      if (slot_) {
        TryNext(now);
      } else if (now + kRoomRetry < deadline_) {
        StartTimer(now + kRoomRetry);
      } else {
        Fail(*std::move(last_failure_), now, "too many retries are under way");
      }
      return;
    case Stage::kStarting:
    case Stage::kWaitWanted:
    case Stage::kEnded:
      return;
  }
}

void LookupCall::TryNext(Clock::time_point now) {
  EndpointPool::LookupPick pick =
      environment_.pool->PickForLookup({.key = courier_id_,
                                        .tried = tried_,
                                        .now = now,
                                        .deadline = deadline_,
                                        .wait_for_ready = options_.wait_for_ready,
                                        .avoid_slow = options_.hedging.mode == HedgingMode::kAutomatic});
  report_.breaker_refusals += pick.refusals;
  switch (pick.outcome) {
    case EndpointPool::LookupPick::Outcome::kPicked:
      StartAttempt(std::move(pick), now, /*hedge=*/false);
      return;
    case EndpointPool::LookupPick::Outcome::kWait:
      awaited_phase_ = pick.phase;
      Wait(pick.version);
      return;
    case EndpointPool::LookupPick::Outcome::kNone:
      // What an endpoint has said is worth more than that there is no other.
      if (last_failure_) {
        Fail(*std::move(last_failure_), now);
      } else {
        Fail({std::move(pick.status), pick.phase, Origin::kLocal}, now);
      }
      return;
  }
}

void LookupCall::Wait(std::uint64_t version) {
  awaited_version_ = version;
  stage_ = Stage::kWaitWanted;
  // Once there is a continuation, Cancel may have the call end before this returns.
  EventLoop& loop = loop_;
  const bool on_loop = on_loop_;
  const std::shared_ptr<Continuation> task = continuation();
  if (on_loop) {
    BeginWait();
  } else {
    loop.Schedule(task);
  }
}

void LookupCall::BeginWait() {
  // Cancel finds a waiting call by its continuation, but may have come before there was one.
  if (IsCancelled()) {
    Fail({absl::CancelledError("cancelled while waiting for an endpoint"), awaited_phase_, Origin::kLocal},
         Clock::now());
    return;
  }
  stage_ = Stage::kWaiting;
  StartTimer(deadline_);
  environment_.pool->WhenChanged(awaited_version_, loop_, continuation_);
}

void LookupCall::StartAttempt(EndpointPool::LookupPick&& pick, Clock::time_point now, bool hedge) {
  Channel& channel = pick.endpoint->channel(ChannelUse::kLookups);
  absl::StatusOr<TokenFile::Token> token =
      TokenFor(environment_.token.get(), options_.metadata, channel, pick.endpoint->name(), now);
  if (!token.ok()) {
    Fail({token.status(), Phase::kArguments, Origin::kLocal}, now);
    return;
  }
  stage_ = Stage::kAttempting;
  AttemptOptions attempt_options;
  attempt_options.deadline = deadline_;
  if (options_.attempt_timeout) {
    attempt_options.deadline = std::min(deadline_, now + *options_.attempt_timeout);
  }
  attempt_options.wait_for_ready = options_.wait_for_ready;
  attempt_options.default_metadata = &environment_.default_metadata;
  attempt_options.metadata = &options_.metadata;
  attempt_options.authorization = token->get();

  Attempt& attempt = FreeAttempt();
  attempt.endpoint = std::move(pick.endpoint);
  attempt.permit = std::move(pick.permit);
  attempt.slot = std::move(slot_);
  attempt.token = *std::move(token);
  attempt.started = now;
  attempt.deadline = *attempt_options.deadline;
  attempt.hedge = hedge;
  attempt.number = ++report_.attempts;
  if (hedge) ++report_.hedges;
  ++in_flight_;
  attempt.endpoint->OnAttemptStarted();
  Metadata headers;
  if (observed_ || !options_.trace_context.traceparent.empty()) {
    headers =
        observed_.OnAttemptStarted({.number = attempt.number,
                                    .endpoint = attempt.endpoint->name(),
                                    .hedge = hedge,
                                    .started = now - started_},
                                   options_.trace_context, options_.metadata, environment_.default_metadata);
    attempt_options.attempt_metadata = &headers;
  }
  LookupAttemptPtr rpc = channel.MakeLookup(loop_, courier_id_, attempt_options, attempt);
  LookupAttempt* const started = rpc.get();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (IsCancelled()) rpc->Cancel();
    attempt.rpc = std::move(rpc);
  }
  if (hedges_) {
    if (!hedge) hedges_->OnAttempt(now);
    AwaitHedge();
  }
  started->Start();
}

void LookupCall::AwaitHedge() {
  StopTimer();
  if (const std::optional<Clock::time_point> next = hedges_->next_hedge()) StartTimer(*next);
}

void LookupCall::TryHedge(Clock::time_point now) {
  if (!hedges_->TryHedge(report_.attempts, environment_.hedge_budget, environment_.retry_budget, now,
                         deadline_))
    return;
  slot_ = environment_.retry_budget.TryAcquire(environment_.in_flight.load(std::memory_order_relaxed));
  TriedEndpoints tried = tried_;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (IsCancelled()) return;
    ForEachUnderWay([&](Attempt& attempt) { tried.push_back(attempt.endpoint); });
  }
  EndpointPool::LookupPick pick;
  if (slot_) {
    pick = environment_.pool->PickForLookup({.key = courier_id_,
                                             .tried = tried,
                                             .now = now,
                                             .deadline = deadline_,
                                             .wait_for_ready = false,
                                             .avoid_slow = true,
                                             .untried_only = true});
  }
  if (pick.outcome == EndpointPool::LookupPick::Outcome::kPicked) {
    StartAttempt(std::move(pick), now, /*hedge=*/true);
  } else {
    slot_ = {};
    AwaitHedge();
  }
}

void LookupCall::OnAttemptDone(Attempt& attempt, AttemptEnd end, CourierStatus reply) {
  const Clock::time_point now = Clock::now();
  on_loop_ = true;
  --in_flight_;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    attempt.rpc.reset();
  }
  attempt.slot = {};
  if (attempt.needless)
    end = {absl::CancelledError("another attempt ended the call"), Phase::kCall, Origin::kLocal};
  if (!end.status.ok()) end = ExplainDeadline(attempt, std::move(end), now);
  const bool lost_connection = !attempt.needless && LostConnection(end);
  const bool counted =
      !end.unseen && (!lost_connection || attempt.endpoint->CountConnectionLoss(attempt.started, now));
  const std::chrono::nanoseconds elapsed = now - attempt.started;
  const Verdict verdict = counted ? Judge(attempt, end, elapsed) : Verdict::kExcluded;
  attempt.permit.Done(verdict, now);
  attempt.endpoint->OnAttemptDone({.verdict = verdict,
                                   .status = end.status,
                                   .elapsed = elapsed,
                                   .answered = verdict == Verdict::kSuccess,
                                   .overtaken = attempt.needless && !attempt.hedge && result_.ok()});
  if (observed_) {
    observed_.OnAttemptEnded({.number = attempt.number,
                              .endpoint = attempt.endpoint->name(),
                              .hedge = attempt.hedge,
                              .status = end.status,
                              .elapsed = elapsed});
  }
  if (!end.status.ok() || report_.attempts > 1) {
    report_.history.push_back(
        {attempt.endpoint->name(), end.status, attempt.started - started_, elapsed, attempt.hedge});
  }

  if (stage_ == Stage::kEnded) {
    if (in_flight_ == 0) Finish();
  } else if (end.status.ok()) {
    Succeed(std::move(reply), end, attempt, now);
  } else {
    OnAttemptFailed(attempt, std::move(end), /*charged=*/counted, now);
  }
}

Verdict LookupCall::Judge(const Attempt& attempt, const AttemptEnd& end,
                          std::chrono::nanoseconds elapsed) const {
  if (attempt.needless) return Verdict::kExcluded;
  const Verdict verdict = VerdictOf(end);
  if (end.status.code() == absl::StatusCode::kDeadlineExceeded && end.origin == Origin::kLocal) {
    // A caller in more of a hurry than the endpoint usually is proves nothing.
    const auto usual = attempt.endpoint->latency().Quantile(0.5);
    if (usual && elapsed < *usual) return Verdict::kExcluded;
  }
  return verdict;
}

AttemptEnd LookupCall::ExplainDeadline(const Attempt& attempt, AttemptEnd end, Clock::time_point now) const {
  if (end.status.code() != absl::StatusCode::kDeadlineExceeded) return end;
  // The server keeps the deadline too, and may be the first to say so.
  const auto allotted = attempt.deadline - attempt.started;
  if (end.origin == Origin::kServer && now - attempt.started < allotted - allotted / 10) return end;
  end.origin = Origin::kLocal;
  Endpoint& endpoint = *attempt.endpoint;
  const bool connected =
      endpoint.channel(ChannelUse::kLookups).state(/*try_to_connect=*/false) == Connectivity::kReady;
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - attempt.started);
  end.phase = connected ? Phase::kCall : Phase::kConnect;
  end.status = absl::DeadlineExceededError(absl::StrCat(connected ? "no answer from " : "no connection to ",
                                                        endpoint.name(), " within ",
                                                        absl::FormatDuration(absl::FromChrono(elapsed))));
  return end;
}

void LookupCall::OnAttemptFailed(Attempt& attempt, AttemptEnd end, bool charged, Clock::time_point now) {
  EndpointPool& pool = *environment_.pool;
  const bool sent = !FailedBeforeSending(end.phase);
  const bool lost_connection = LostConnection(end);
  if (sent) pool.OnReached();
  if (!sent || lost_connection) pool.OnConnectFailure(*attempt.endpoint);
  if (end.status.code() == absl::StatusCode::kUnavailable) pool.OnEndpointFailure();
  tried_.push_back(attempt.endpoint);

  const bool cancelled = IsCancelled();
  AttemptFailure failure{.code = lost_connection ? absl::StatusCode::kUnavailable : end.status.code(),
                         .from_server = end.origin == Origin::kServer,
                         .attempt_timed_out = end.status.code() == absl::StatusCode::kDeadlineExceeded &&
                                              end.origin == Origin::kLocal && attempt.deadline < deadline_,
                         // A client that has never reached anything had better say so at once.
                         .never_retry = end.phase == Phase::kTls || (!sent && !pool.was_connected()),
                         .pushback = std::nullopt,
                         .charged = charged};
  if (end.pushback) failure.pushback = Pushback{*end.pushback};
  last_failure_ = end;

  if (cancelled && !absl::IsCancelled(end.status)) {
    end.status =
        absl::CancelledError(absl::StrCat("cancelled after an attempt had failed: ", end.status.message()));
    end.origin = Origin::kLocal;
  }
  if (cancelled || now >= deadline_) {
    Fail(std::move(end), now);
    return;
  }
  // Nothing was sent, so that another endpoint may be asked whatever the call does and whatever it costs.
  if (!sent && in_flight_ == 0 && pool.HasUntried(tried_)) {
    StopTimer();
    TryNext(now);
    return;
  }
  // Once, and as no attempt of the retry policy's (gRFC A6: transparent retries).
  if (end.unseen && free_attempts_ == 0) {
    ++free_attempts_;
    StopTimer();
    TryNext(now);
    return;
  }
  if (TryWithOtherToken(attempt, end, now)) return;
  if (hedges_) {
    switch (hedges_->OnFailure(failure, in_flight_, environment_.retry_budget, now)) {
      case HedgePlan::AfterFailure::kEnd:
        Fail(std::move(end), now);
        return;
      case HedgePlan::AfterFailure::kWait:
        AwaitHedge();
        return;
      case HedgePlan::AfterFailure::kRetry:
        break;
    }
  }
  StopTimer();
  const RetryState::Decision decision =
      retry_.OnFailure(failure, report_.attempts - free_attempts_, environment_.retry_budget, now, deadline_,
                       environment_.random.Unit());
  if (!decision.retry) {
    const bool wanted = failure.pushback || IsRetryable(failure, options_.retry);
    Fail(std::move(end), now, wanted && options_.retry.max_attempts > 1 ? decision.reason : "");
    return;
  }
  stage_ = Stage::kBackingOff;
  if (observed_) observed_.OnBackoff({.after_attempt = report_.attempts, .delay = decision.delay});
  StartTimer(now + decision.delay);
  const std::shared_ptr<Continuation>& task = continuation();
  // Cancel finds a pausing call by its continuation, but may have come before there was one.
  if (IsCancelled()) loop_.Schedule(task);
}

// Once, and whatever the retry policy says: what the server refuses is not the call.
bool LookupCall::TryWithOtherToken(const Attempt& attempt, const AttemptEnd& end, Clock::time_point now) {
  if (!MayTryOtherToken(end, environment_.token.get(), attempt.token, now)) return false;
  // What is under way carries the new one, or will be told in its turn.
  if (token_replaced_) return in_flight_ > 0;
  token_replaced_ = true;
  StopTimer();
  TryNext(now);
  return true;
}

void LookupCall::Succeed(CourierStatus&& reply, const AttemptEnd& end, const Attempt& attempt,
                         Clock::time_point now) {
  environment_.pool->OnReached();
  environment_.retry_budget.OnSuccess();
  if (options_.stale_if_error && environment_.fallback != nullptr) environment_.fallback->Put(reply);
  result_ = std::move(reply);
  report_.endpoint = attempt.endpoint->name();
  End(end.phase, end.origin, now);
}

void LookupCall::Fail(AttemptEnd end, Clock::time_point now, const char* why_not_again) {
  report_.retryable = IsRetryable(end.status.code(), end.phase, end.origin);
  if (end.pushback && *end.pushback >= std::chrono::milliseconds::zero()) report_.retry_after = end.pushback;
  if (!tried_.empty()) report_.endpoint = tried_.back()->name();
  if (*why_not_again != '\0') {
    end.status =
        absl::Status(end.status.code(),
                     absl::StrCat(end.status.message(), " (gave up after ", report_.attempts,
                                  report_.attempts == 1 ? " attempt: " : " attempts: ", why_not_again, ")"));
  }
  FallbackStore* const fallback = options_.stale_if_error ? environment_.fallback.get() : nullptr;
  if (fallback != nullptr) {
    if (end.status.code() == absl::StatusCode::kNotFound && end.origin == Origin::kServer) {
      fallback->Remove(courier_id_);
    } else if (MayFallBack(end.status)) {
      if (std::optional<StaleStatus> known = fallback->Get(courier_id_, *options_.stale_if_error)) {
        report_.stale = true;
        report_.stale_age = known->age;
        report_.stale_error = std::move(end.status);
        result_ = std::move(known->status);
        End(end.phase, end.origin, now);
        return;
      }
    }
  }
  result_ = std::move(end.status);
  End(end.phase, end.origin, now);
}

void LookupCall::End(Phase phase, Origin origin, Clock::time_point now) {
  StopTimer();
  stage_ = Stage::kEnded;
  report_.phase = phase;
  report_.origin = origin;
  report_.elapsed = now - started_;
  if (in_flight_ == 0) {
    Finish();
    return;
  }
  // Their ends take no network; the call must not go before.
  const std::lock_guard<std::mutex> lock(mutex_);
  ForEachUnderWay([](Attempt& attempt) {
    attempt.needless = true;
    attempt.rpc->Cancel();
  });
}

void LookupCall::Finish() {
  environment_.in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (continuation_ != nullptr) continuation_->Forget();
  if (report_.history.size() > 1) {
    std::sort(report_.history.begin(), report_.history.end(),
              [](const AttemptReport& a, const AttemptReport& b) { return a.started < b.started; });
  }
  if (observed_) observed_.OnEnded({.status = result_.status(), .report = report_});
  handler_.OnCallDone(*this);
}

}  // namespace dispatchctl::internal
