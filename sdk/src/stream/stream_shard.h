#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "call/client_core.h"
#include "dispatchctl/assignment_stream.h"
#include "dispatchctl/call_report.h"
#include "endpoints/endpoint_pool.h"
#include "observe/observation.h"
#include "stream/stream_machine.h"
#include "transport/event_loop.h"

namespace dispatchctl::internal {

class StreamShard;

// What the shards of one stream have in common, and who hears what becomes of them. All but closed() on the
// loop's thread.
class StreamShardOwner {
 public:
  // Any thread. True: nothing more is handed in than what has been.
  virtual bool closed() const = 0;

  // Where the calls of the other shards go.
  virtual TriedEndpoints EndpointsBeside(const StreamShard& shard) const = 0;

  // A call is about to be made, to the endpoint of this name. Gives a copy of the name that stays.
  virtual std::string_view OnAttempt(std::string_view endpoint) = 0;
  // How many there were.
  virtual int attempts() const = 0;
  // Who observes the whole stream; empty: nobody.
  virtual ObservedCall& observed() = 0;
  virtual void OnAttemptEnd(std::string_view endpoint, const absl::Status& status,
                            Clock::time_point started) = 0;
  virtual void OnInterruption(const StreamInterruption& interruption) = 0;
  virtual void OnOutcome(AssignmentOutcome&& outcome) = 0;

  // The shard takes nothing from now on, and the stream with it.
  virtual void OnSealed() = 0;
  // Once, and the shard's last deed.
  virtual void OnShardEnd(const StreamShard& shard, AttemptEnd end) = 0;

 protected:
  ~StreamShardOwner() = default;
};

// Runs one stream machine on gRPC: one underlying call at a time. All its work is on the loop's thread;
// what is handed in waits until the machine takes it.
class StreamShard final : public Task,
                          private Timer,
                          private StreamActions,
                          public std::enable_shared_from_this<StreamShard> {
 public:
  struct Settings {
    StreamPolicy policy;
    Clock::time_point started;
    std::optional<Clock::time_point> deadline;
    Metadata metadata;  // of every call
    TraceContext trace_context;
  };

  // `owner` and `settings` live as long as the shard has not ended.
  // `index`: from 0, among the owner's.
  StreamShard(std::shared_ptr<ClientCore> core, StreamShardOwner& owner, const Settings& settings,
              std::size_t index);
  ~StreamShard() override;

  // Submitting thread. Moves from `update` only when it was taken; false: nothing is taken any more.
  bool Push(AssignmentUpdate& update, std::uint64_t tag);

  // How many updates Push has taken. Any thread.
  std::uint64_t submitted() const;

  // The rest is for the loop's thread only.
  void Start() { machine_.Start(settings_.started); }
  void Cancel() { machine_.Cancel(); }

  // There may be something to write, or nothing more to come.
  void Run() override;

  // Null before the first call.
  const std::shared_ptr<Endpoint>& endpoint() const { return endpoint_; }
  std::string_view endpoint_name() const { return endpoint_name_; }
  const StreamMachine& machine() const { return machine_; }

 private:
  class UnderlyingCall;

  void TakeSubmitted() override;
  void OpenCall(Generation generation, bool new_round) override;
  void Write(const AssignmentUpdate& update, bool more) override;
  void HalfClose() override;
  void CancelCall() override;
  void BackingOff(std::chrono::nanoseconds delay) override;
  void StartTimer(Outbox::Time when) override;
  void StopTimer() override;
  void Deliver(Outbox::Acknowledged&& acknowledged, AssignmentResult& result, Outbox::Time now) override;
  void Seal() override;
  void Finish(AttemptEnd end) override;

  void OnTimer() override;
  void OnCallStarted();
  void OnCallEnd(AttemptEnd end);
  void ChooseEndpoint();
  void Observe(ObservedCall::StreamEvent event, const absl::Status& status);
  EndpointPool::Pick Pick() const;
  void StopWaitingForNames();

  const std::shared_ptr<ClientCore> core_;
  StreamShardOwner& owner_;
  const Settings& settings_;
  const std::size_t index_;

  mutable std::mutex mutex_;  // guards the block below
  std::vector<UnacknowledgedAssignment> pending_;
  bool sealed_ = false;
  bool hungry_ = false;  // the loop's thread found nothing to write and must be woken
  std::uint64_t submitted_ = 0;

  // The loop's thread only.
  StreamMachine machine_;
  std::vector<UnacknowledgedAssignment> taken_;
  Generation generation_ = 0;  // of the call that is open or to be opened
  TriedEndpoints tried_;       // in this round
  std::shared_ptr<Endpoint> lost_;
  std::shared_ptr<Endpoint> endpoint_;
  std::string_view endpoint_name_;
  std::unique_ptr<UnderlyingCall> call_;
  std::optional<std::uint64_t> token_replaced_at_;  // how many results there were then
  bool connected_ = false;
  bool opened_ = false;       // connected at least once
  bool interrupted_ = false;  // lost, and not connected again since
  bool waiting_for_names_ = false;
  bool waited_for_names_ = false;
};

}  // namespace dispatchctl::internal
