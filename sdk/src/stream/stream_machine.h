#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "dispatchctl/assignment.h"
#include "dispatchctl/assignment_stream.h"
#include "stream/outbox.h"
#include "transport/channel.h"

namespace dispatchctl::internal {

enum class StreamState { kIdle, kConnecting, kReplaying, kLive, kHalfClosed, kBackoff, kDone, kFailed };

// Numbers the underlying calls of one stream, from 1.
using Generation = std::uint64_t;

// StreamOptions, as far as the machine goes by them.
struct StreamPolicy {
  bool resume = true;
  std::chrono::nanoseconds initial_backoff{};
  std::chrono::nanoseconds max_backoff{};
  double backoff_multiplier = 1;
  std::optional<std::chrono::nanoseconds> reconnect_timeout;
  std::optional<std::chrono::nanoseconds> idle_timeout;
  int poison_limit = 0;  // 0: none
  std::optional<std::chrono::nanoseconds> total_timeout;
};

// What the machine wants done. Called from inside its inputs, as their last deed unless said otherwise.
class StreamActions {
 public:
  // Opens a call of this number: Connected, CannotConnect or Ended follows, perhaps from inside. In a new
  // round every endpoint may be chosen, the one that was lost only if there is no other; else only those that
  // this round has not tried.
  virtual void OpenCall(Generation generation, bool new_round) = 0;

  // Not the last deed: hands in, by Submit and EndInput, what there is to hand in by now.
  virtual void TakeSubmitted() = 0;

  // Writable follows. With `more`, another Write comes at once when it does.
  virtual void Write(const AssignmentUpdate& update, bool more) = 0;
  virtual void HalfClose() = 0;

  // Makes the open call end as soon as it can: Ended or CannotConnect follows, perhaps from inside.
  virtual void CancelCall() = 0;

  // Not the last deed. The next call is opened after this long.
  virtual void BackingOff(std::chrono::nanoseconds /*delay*/) {}

  // Not the last deed. There is one timer; StartTimer replaces what it was set to.
  virtual void StartTimer(Outbox::Time when) = 0;
  virtual void StopTimer() = 0;

  virtual void Deliver(Outbox::Acknowledged&& acknowledged, AssignmentResult& result, Outbox::Time now) = 0;

  // Not the last deed. Nothing is accepted from now on; what was is handed in by Submit.
  virtual void Seal() = 0;

  // Once.
  virtual void Finish(AttemptEnd end) = 0;

 protected:
  ~StreamActions() = default;
};

// Decides all that a resumable stream of assignments does: what is written when, to which call, when a call
// is replaced and when the stream is over. Free of I/O, clocks and threads: time comes with each input, a
// random number from the function given, and what is to be done goes to StreamActions.
//
// Each underlying call has a generation; an input of another one changes nothing.
class StreamMachine {
 public:
  using Time = Outbox::Time;

  // `random` gives numbers from 0 to below 1.
  StreamMachine(const StreamPolicy& policy, StreamActions& actions, std::function<double()> random);

  void Start(Time now);

  // An update that was accepted. It is written when Pump is called next, or a call has nothing else to write.
  void Submit(AssignmentUpdate update, std::uint64_t tag) { outbox_.Add(std::move(update), tag); }
  // No Submit follows.
  void EndInput() { input_ended_ = true; }
  // There may be something to take with TakeSubmitted.
  void Pump(Time now);

  void Connected(Generation generation, Time now);
  // There was no endpoint to open the call to, or, where `end` says so, no name that could be resolved.
  void CannotConnect(Generation generation, AttemptEnd end, Time now);
  void Writable(Generation generation, Time now);
  void Result(Generation generation, AssignmentResult& result, Time now);
  void Undecodable(Generation generation);
  void Ended(Generation generation, AttemptEnd end, Time now);
  void TimerFired(Time now);
  void Cancel();

  StreamState state() const { return state_; }
  Generation generation() const { return generation_; }
  bool finished() const { return state_ == StreamState::kDone || state_ == StreamState::kFailed; }
  bool ever_connected() const { return ever_connected_; }
  const Outbox& outbox() const { return outbox_; }

  // All but what was submitted, which others know earlier.
  StreamStatistics statistics() const;

 private:
  // Why the open call was cancelled.
  enum class Cancelled { kNo, kByCaller, kByDeadline, kAsIdle, kAsUndecodable };

  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  bool IsCurrent(Generation generation) const { return open_ && generation == generation_; }
  bool HasUnwritten();
  bool EverythingAnswered() const { return input_ended_ && outbox_.size() == 0; }
  static bool MayResume(const AttemptEnd& end);

  void Open(bool new_round);
  void WriteNext(Time now);
  void CancelOpenCall(Cancelled why);
  Cancelled CloseCall();
  bool FinishIfEverythingAnswered();
  void BackOff(AttemptEnd end, Time now);
  std::chrono::nanoseconds NextBackoff(const AttemptEnd& end);
  AttemptEnd Explain(AttemptEnd end, Cancelled why) const;
  AttemptEnd DeadlineExceeded(Phase phase) const;
  void GiveUp(AttemptEnd end, std::string_view reason);
  void Finish(AttemptEnd end);

  bool AwaitsServer() const { return connected_ && (outstanding_ != 0 || half_closed_); }
  void SetTimer();

  const StreamPolicy policy_;
  StreamActions& actions_;
  const std::function<double()> random_;
  Outbox outbox_;

  StreamState state_ = StreamState::kIdle;
  Generation generation_ = 0;
  bool input_ended_ = false;
  bool ever_connected_ = false;
  std::optional<Time> deadline_;
  std::optional<Time> lost_since_;
  Time reconnect_at_;
  AttemptEnd last_end_;  // of the calls of this round
  int backoffs_ = 0;     // since the last result
  int fruitless_ = 0;    // calls after the first that took updates, since the last result
  std::uint64_t undecodable_after_ = kNever;  // how many results came before the last undecodable one
  bool watches_idle_ = false;                 // the timer is set for the open call

  // The open call.
  bool open_ = false;
  bool connected_ = false;
  bool writable_ = false;
  bool half_closed_ = false;
  bool got_result_ = false;
  bool resumed_ = false;  // a call was connected before it
  Cancelled cancelled_ = Cancelled::kNo;
  std::size_t outstanding_ = 0;  // written by it and not answered
  Time last_progress_;           // when it last got a result, or first was to wait for one

  StreamStatistics statistics_;
};

}  // namespace dispatchctl::internal
