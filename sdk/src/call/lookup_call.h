#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "call/effective_options.h"
#include "call/hedge_plan.h"
#include "call/lookup_environment.h"
#include "call/retry_state.h"
#include "dispatchctl/call_report.h"
#include "dispatchctl/courier_status.h"
#include "endpoints/endpoint_pool.h"
#include "observe/observation.h"
#include "transport/channel.h"
#include "transport/event_loop.h"

namespace dispatchctl::internal {

class LookupCall;

class LookupCallHandler {
 public:
  // Exactly once: on the loop's thread, or inside Start. The call may be destroyed from inside.
  virtual void OnCallDone(LookupCall& call) = 0;

 protected:
  ~LookupCallHandler() = default;
};

// One logical lookup: its deadline, its attempts on the endpoints it is given, the pauses between them, its
// result and report. Serves the blocking form, where the caller's thread runs the loop, and the asynchronous
// ones.
//
// What the constructor is given must outlive the call. Destroyed before Start or after OnCallDone.
class LookupCall final : private Timer {
 public:
  LookupCall(LookupEnvironment& environment, EventLoop& loop, const EffectiveOptions& options,
             std::string_view courier_id, LookupCallHandler& handler);
  ~LookupCall() override;
  LookupCall(const LookupCall&) = delete;
  LookupCall& operator=(const LookupCall&) = delete;

  // Once, from any thread; `on_loop`: it is the loop's. The call may be over and gone before it returns.
  void Start(bool on_loop);

  // From any thread, before OnCallDone.
  void Cancel();

  // After OnCallDone.
  absl::StatusOr<CourierStatus>& result() { return result_; }
  CallReport& report() { return report_; }

 private:
  class Continuation;

  // On one endpoint; used again for the next one once it has ended.
  struct Attempt final : LookupHandler {
    explicit Attempt(LookupCall& call_in) : call(call_in) {}
    void OnLookupDone(AttemptEnd end, CourierStatus&& reply) override;

    LookupCall& call;
    std::shared_ptr<Endpoint> endpoint;
    CircuitBreaker::Permit permit;
    RetryBudget::Slot slot;
    TokenFile::Token token;  // null: it carried none
    LookupAttemptPtr rpc;    // guarded by the call's mutex; null: not under way
    Clock::time_point started;
    Clock::time_point deadline;
    int number = 0;
    bool hedge = false;
    bool needless = false;  // another attempt's end was the call's
  };

  enum class Stage {
    kStarting,
    kAttempting,  // the timer, if any, is the next hedge's
    kWaitWanted,  // to begin on the loop's thread
    kWaiting,     // for an endpoint; the timer is the deadline
    kBackingOff,  // the timer is the next attempt's
    kEnded,       // but attempts that have become needless may still be under way
  };

  bool IsCancelled() const { return cancelled_.load(); }
  Attempt& FreeAttempt();
  template <class Visitor>
  void ForEachUnderWay(Visitor visitor);
  const std::shared_ptr<Continuation>& continuation();
  void OnContinue();
  void OnTimer() override;
  void StartTimer(Clock::time_point when);
  void StopTimer();

  void TryNext(Clock::time_point now);
  void Wait(std::uint64_t version);
  void BeginWait();
  void StartAttempt(EndpointPool::LookupPick&& pick, Clock::time_point now, bool hedge);
  void AwaitHedge();
  void TryHedge(Clock::time_point now);
  // `reply` by value: the attempt, which lends it, is released on the way.
  void OnAttemptDone(Attempt& attempt, AttemptEnd end, CourierStatus reply);
  void OnAttemptFailed(Attempt& attempt, AttemptEnd end, bool charged, Clock::time_point now);
  bool TryWithOtherToken(const Attempt& attempt, const AttemptEnd& end, Clock::time_point now);
  AttemptEnd ExplainDeadline(const Attempt& attempt, AttemptEnd end, Clock::time_point now) const;
  Verdict Judge(const Attempt& attempt, const AttemptEnd& end, std::chrono::nanoseconds elapsed) const;

  void Succeed(CourierStatus&& reply, const AttemptEnd& end, const Attempt& attempt, Clock::time_point now);
  void Fail(AttemptEnd end, Clock::time_point now, const char* why_not_again = "");
  void End(Phase phase, Origin origin, Clock::time_point now);
  void Finish();

  LookupEnvironment& environment_;
  EventLoop& loop_;
  const EffectiveOptions& options_;
  const std::string_view courier_id_;
  LookupCallHandler& handler_;

  const Clock::time_point started_;
  const Clock::time_point deadline_;

  Stage stage_ = Stage::kStarting;
  bool on_loop_ = false;
  bool timer_armed_ = false;
  std::uint64_t awaited_version_ = 0;
  Phase awaited_phase_ = Phase::kConnect;
  RetryState retry_;
  std::optional<HedgePlan> hedges_;  // unset: the call is not hedged
  RetryBudget::Slot slot_;           // for the next attempt
  TriedEndpoints tried_;
  int in_flight_ = 0;
  std::optional<AttemptEnd> last_failure_;
  int free_attempts_ = 0;        // that the retry policy does not count
  bool token_replaced_ = false;  // an attempt has been made for the sake of a new token

  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;  // guards the attempts' calls and the one below against Cancel
  std::shared_ptr<Continuation> continuation_;
  Attempt first_;
  std::vector<std::unique_ptr<Attempt>> others_;  // most calls need none

  absl::StatusOr<CourierStatus> result_;
  CallReport report_;
  ObservedCall observed_;
};

}  // namespace dispatchctl::internal
