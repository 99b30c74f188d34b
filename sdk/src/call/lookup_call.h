#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <mutex>
#include <string_view>

#include "call/effective_options.h"
#include "dispatchctl/call_report.h"
#include "dispatchctl/courier_status.h"
#include "endpoints/endpoint_pool.h"
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

// One logical lookup: its deadline, the endpoints it tries, its result and report. Serves the blocking form,
// where the caller's thread runs the loop, and the asynchronous ones.
//
// What the constructor is given must outlive the call. Destroyed before Start or after OnCallDone.
class LookupCall final : private LookupHandler, private Timer {
 public:
  LookupCall(EndpointPool& pool, EventLoop& loop, const EffectiveOptions& options,
             const Metadata& default_metadata, std::string_view courier_id, LookupCallHandler& handler);
  ~LookupCall();
  LookupCall(const LookupCall&) = delete;
  LookupCall& operator=(const LookupCall&) = delete;

  // Once, from any thread. The call may be over and gone before it returns.
  void Start();

  // From any thread, before OnCallDone.
  void Cancel();

  // After OnCallDone.
  absl::StatusOr<CourierStatus>& result() { return result_; }
  CallReport& report() { return report_; }

 private:
  class ResolveWait;

  bool IsCancelled();
  void TryNextEndpoint(bool waited_for_resolving);
  void StartAttempt(std::shared_ptr<Endpoint> endpoint);
  void WaitForResolving();
  void StopWaitingForResolving();
  void OnResolveWaitOver();
  void OnLookupDone(AttemptEnd end, CourierStatus&& reply) override;
  void OnTimer() override;
  AttemptEnd ExplainDeadline(AttemptEnd end) const;
  void Fail(AttemptEnd end);
  void End(Phase phase, Origin origin);

  EndpointPool& pool_;
  EventLoop& loop_;
  const EffectiveOptions& options_;
  const Metadata& default_metadata_;
  const std::string_view courier_id_;
  LookupCallHandler& handler_;

  const Clock::time_point started_;
  const Clock::time_point deadline_;
  Clock::time_point attempt_started_;
  TriedEndpoints tried_;
  std::shared_ptr<Endpoint> endpoint_;  // of the attempt under way, or of the last one
  AttemptEnd last_failure_;

  std::mutex mutex_;  // guards the three below against Cancel
  std::unique_ptr<LookupAttempt> attempt_;
  std::shared_ptr<ResolveWait> resolve_wait_;
  bool cancelled_ = false;

  absl::StatusOr<CourierStatus> result_;
  CallReport report_;
};

}  // namespace dispatchctl::internal
