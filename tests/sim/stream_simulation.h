#pragma once

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "call/room.h"
#include "contract/encoded_size.h"
#include "stream/stream_machine.h"

namespace dispatchctl::internal::simulation {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Time = Outbox::Time;

// SplitMix64: a generator whose making costs nothing.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  double Unit() { return static_cast<double>(Next() >> 11U) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

// An update that has no result, as the model sees it.
struct Owed {
  AssignmentUpdate update;
  std::uint64_t tag = 0;
  int attempts = 0;
  bool written = false;  // to the open call
  Time written_at;
};

// What the server has sent, and the client has not read.
struct Message {
  std::string id;
  bool undecodable = false;
};

// The fake transport's side of the open call.
struct Call {
  Generation generation = 0;
  bool nowhere = false;  // there is no endpoint to open it to
  bool connected = false;
  bool write_pending = false;
  bool more_promised = false;
  bool half_closed = false;
  bool cancelled = false;
  bool undecodable_told = false;
  std::deque<std::string> to_server;
  std::deque<Message> to_client;
  std::optional<AttemptEnd> end;  // delivered once to_client is empty
};

enum class CancelReason { kNone, kCaller, kDeadline, kIdle, kUndecodable };

// Holds a machine to a plain model of what a resumable stream must do, while the transport and the server
// below it do everything wrong that they can. What happens next is up to `Random`, which has Below(bound),
// OneIn(n) and Unit() as SplitMix64 has them.
template <class Random>
class StreamSimulation final : private StreamActions {
 public:
  explicit StreamSimulation(Random random)
      : random_(std::move(random)),
        policy_(MakePolicy()),
        window_(1 + random_.Below(8)),
        most_bytes_(random_.OneIn(2) ? 40 + random_.Below(100) : 1U << 20U),
        ids_(random_.OneIn(2) ? 1 + random_.Below(5) : 1'000'000),
        updates_(random_.Below(40)),
        endpoints_(1 + random_.Below(3)),
        faults_in_(3 + random_.Below(30)),
        room_(window_, most_bytes_),
        machine_(policy_, *this, [this] { return random_.Unit(); }) {}

  // What went wrong; empty: nothing.
  const std::string& Run() {
    // A late completion of nothing.
    InjectStale();
    if (policy_.total_timeout) deadline_ = now_ + *policy_.total_timeout;
    Input([&] { machine_.Start(now_); });
    Check(opens_ == 1, "S9: Start opens a call");
    for (int i = 0; i < kChaosSteps && Goes(); ++i) Step(/*calm=*/false);
    // Whatever was dropped is made up for by losing the stream once more.
    if (Goes() && call_ && call_->connected && !call_->end) Kill();
    for (int i = 0; i < kCalmSteps && Goes(); ++i) Step(/*calm=*/true);
    Check(finished_, "liveness: a well-behaved server did not bring the stream to its end");
    if (failure_.empty()) CheckTheEnd();
    return failure_;
  }

  std::uint64_t reconnects() const { return machine_.statistics().reconnects; }
  bool done() const { return machine_.state() == StreamState::kDone; }

 private:
  static constexpr int kChaosSteps = 150;
  static constexpr int kCalmSteps = 5'000;

  bool Goes() const { return !finished_ && failure_.empty(); }

  void Check(bool holds, const char* rule) {
    if (!holds && failure_.empty()) failure_ = rule;
  }

  StreamPolicy MakePolicy() {
    StreamPolicy policy;
    policy.resume = !random_.OneIn(12);
    policy.initial_backoff = milliseconds(50);
    policy.max_backoff = milliseconds(1000);
    policy.backoff_multiplier = random_.OneIn(2) ? 2.0 : 1.5;
    if (random_.OneIn(4)) policy.reconnect_timeout = seconds(2);
    if (!random_.OneIn(3)) policy.idle_timeout = seconds(1);
    constexpr std::array<int, 4> kLimits{0, 1, 2, 5};
    policy.poison_limit = kLimits[random_.Below(kLimits.size())];
    if (random_.OneIn(10)) policy.total_timeout = milliseconds(200 + random_.Below(4000));
    return policy;
  }

  // ---- What the machine wants done.

  void OpenCall(Generation generation, bool new_round) override {
    ++opens_;
    Check(!call_, "S9: a call is opened while another one lives");
    Check(generation == last_generation_ + 1, "S8: generations are not counted one by one");
    last_generation_ = generation;
    if (new_round) tried_ = 0;
    call_.emplace();
    call_->generation = generation;
    call_->nowhere = tried_ == endpoints_;
    cancel_reason_ = CancelReason::kNone;
    results_in_call_ = 0;
    for (Owed& owed : owed_) owed.written = false;
  }

  void TakeSubmitted() override {
    HandIn();
    if (input_closed_ && !input_ended_) {
      input_ended_ = true;
      machine_.EndInput();
    }
  }

  void Write(const AssignmentUpdate& update, bool more) override {
    ++writes_;
    Check(call_ && call_->connected, "S12: a write without a call");
    if (!call_) return;
    Check(!call_->write_pending, "a write while another one is pending");
    Check(!call_->half_closed, "S12: a write after the half-close");
    Check(!call_->cancelled, "a write to a call that was cancelled");
    const auto next = NextUnwritten();
    Check(next != owed_.end(), "S3: a write though everything is written");
    if (next == owed_.end()) return;
    Check(next->update.assignment_id == update.assignment_id && next->update.courier_id == update.courier_id,
          "S3: not the oldest that this call has not written");
    Check(next->update == update, "S4: not the bytes that were submitted");
    if (OutstandingInCall() == 0) last_progress_ = now_;
    next->written = true;
    next->written_at = now_;
    if (++next->attempts > 1) ++resent_;
    Check(more == (NextUnwritten() != owed_.end()), "the hint that more follows is wrong");
    call_->write_pending = true;
    call_->more_promised = more;
    call_->to_server.push_back(update.assignment_id);
  }

  void HalfClose() override {
    Check(call_ && call_->connected, "S12: a half-close without a call");
    if (!call_) return;
    Check(!call_->half_closed, "S12: half-closed twice");
    Check(!call_->write_pending, "S12: half-closed with a write pending");
    Check(!call_->cancelled, "S12: half-closed after it was cancelled");
    Check(input_ended_ && submitted_.empty(), "S12: half-closed before the input has ended");
    Check(NextUnwritten() == owed_.end(), "S12: half-closed before everything was written");
    if (OutstandingInCall() == 0) last_progress_ = now_;
    call_->half_closed = true;
  }

  void CancelCall() override {
    ++cancels_;
    Check(call_ && !call_->cancelled, "a call is cancelled twice or when there is none");
    if (!call_) return;
    call_->cancelled = true;
    if (!call_->end)
      call_->end = AttemptEnd{absl::CancelledError("CANCELLED"), Phase::kStream, Origin::kLocal};
  }

  void StartTimer(Time when) override { timer_ = when; }
  void StopTimer() override { timer_.reset(); }

  void Deliver(Outbox::Acknowledged&& acknowledged, AssignmentResult& result, Time now) override {
    ++delivered_;
    const auto expected = FindWritten(result.assignment_id);
    Check(expected != owed_.end(), "S1, S6: a result is delivered that nothing is owed for");
    if (expected == owed_.end()) return;
    Check(acknowledged.tag == expected->tag, "S5: not the first in of this id");
    Check(acknowledged.update == expected->update, "S4: not the update that was submitted");
    Check(acknowledged.attempts == expected->attempts, "attempts are miscounted");
    Check(acknowledged.written_at == expected->written_at && now == now_, "times are mixed up");
    const std::size_t bytes = EncodedSize(expected->update);
    owed_.erase(expected);
    if (room_.GiveBack(bytes)) submitter_waits_ = false;
  }

  void Seal() override {
    sealed_ = true;
    HandIn();
  }

  void HandIn() {
    for (Owed& submitted : std::exchange(submitted_, {})) {
      machine_.Submit(submitted.update, submitted.tag);
      owed_.push_back(std::move(submitted));
    }
  }

  void Finish(AttemptEnd end) override {
    Check(!finished_, "finished twice");
    Check(!call_, "S9, S17: finished with a call open");
    Check(sealed_, "S1: finished while updates are still accepted");
    finished_ = true;
    finish_ = std::move(end);
  }

  // ---- The model.

  std::deque<Owed>::iterator NextUnwritten() {
    return std::find_if(owed_.begin(), owed_.end(), [](const Owed& owed) { return !owed.written; });
  }

  std::deque<Owed>::iterator FindWritten(std::string_view id) {
    return std::find_if(owed_.begin(), owed_.end(),
                        [&](const Owed& owed) { return owed.written && owed.update.assignment_id == id; });
  }

  std::size_t OutstandingInCall() const {
    return static_cast<std::size_t>(
        std::count_if(owed_.begin(), owed_.end(), [](const Owed& owed) { return owed.written; }));
  }

  std::size_t Held() const { return submitted_.size() + owed_.size(); }

  std::size_t BytesHeld() const {
    std::size_t bytes = 0;
    for (const auto& held : {&submitted_, &owed_}) {
      for (const Owed& owed : *held) bytes += EncodedSize(owed.update);
    }
    return bytes;
  }

  bool EverythingAnswered() const { return input_ended_ && owed_.empty(); }

  static bool MayResume(const AttemptEnd& end) {
    const absl::StatusCode code = end.status.code();
    if (end.pushback && end.pushback->count() < 0) return false;
    if (code == absl::StatusCode::kResourceExhausted) return end.pushback.has_value();
    return code == absl::StatusCode::kAborted || code == absl::StatusCode::kUnavailable ||
           code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown;
  }

  // The machine must have finished, with this.
  void ExpectFinish(absl::StatusCode code, const char* rule, const std::string& part = {}) {
    Check(finished_, rule);
    Check(!finished_ || finish_.status.code() == code, rule);
    Check(!finished_ || absl::StrContains(std::string(finish_.status.message()), part), rule);
  }

  // The machine must wait to connect again, or have given up as that would be too late.
  void ExpectBackOff(const AttemptEnd& end) {
    if (!lost_since_) lost_since_ = now_;
    double low;
    double high;
    if (end.pushback) {
      low = high = static_cast<double>(std::max<nanoseconds>(*end.pushback, policy_.initial_backoff).count());
    } else {
      const double delay = std::min(static_cast<double>(policy_.max_backoff.count()),
                                    static_cast<double>(policy_.initial_backoff.count()) *
                                        std::pow(policy_.backoff_multiplier, backoffs_since_result_));
      low = delay * 0.8 - 1;
      high = delay * 1.2 + 1;
      ++backoffs_since_result_;
    }
    const nanoseconds earliest(static_cast<std::int64_t>(low));
    const nanoseconds latest(static_cast<std::int64_t>(high));
    if (finished_) {
      const bool past_deadline = deadline_ && now_ + latest >= *deadline_;
      const bool past_reconnecting =
          policy_.reconnect_timeout && now_ + latest - *lost_since_ >= *policy_.reconnect_timeout;
      Check(past_deadline || past_reconnecting, "S11, S13: given up although it may be resumed");
      Check(!finish_.status.ok(), "S11: a lost stream is called a success");
      return;
    }
    Check(!deadline_ || now_ + earliest < *deadline_, "a reconnect is waited for beyond the deadline");
    Check(!policy_.reconnect_timeout || now_ + earliest - *lost_since_ <= *policy_.reconnect_timeout,
          "a reconnect is waited for beyond the time for reconnecting");
    Check(machine_.state() == StreamState::kBackoff, "S10: no backoff before a reconnect");
    Check(!call_, "S10: reconnected without a backoff");
    Check(timer_.has_value(), "S10: no timer for the reconnect");
    if (!timer_) return;
    Check(*timer_ >= now_ + earliest || (deadline_ && *timer_ == *deadline_),
          "S10: the backoff is too short");
    Check(*timer_ <= now_ + latest, "S10: the backoff is too long");
    reconnect_at_ = *timer_;
  }

  // ---- Steps. Each gives the machine one input and looks at what came of it.

  template <class Body>
  void Input(Body body) {
    opens_ = cancels_ = writes_ = 0;
    body();
    if (failure_.empty()) CheckInvariants();
  }

  void CheckInvariants() {
    Check(machine_.outbox().size() == owed_.size(), "S2: the outbox holds something else than what is owed");
    Check(Held() <= window_, "S7: more updates than the window");
    Check(BytesHeld() <= most_bytes_, "S7: more bytes than allowed");
    Check(machine_.statistics().unknown_results == unknown_, "S6: unknown results are miscounted");
    Check(machine_.statistics().resent == resent_, "resent updates are miscounted");
    Check(machine_.finished() == finished_, "state after the end");
    if (finished_) {
      Check(!timer_, "a timer runs after the end");
      return;
    }
    if (!call_) {
      Check(machine_.state() == StreamState::kBackoff, "S9: neither a call nor a backoff");
      return;
    }
    if (!call_->connected) {
      Check(machine_.state() == StreamState::kConnecting, "state while connecting");
    } else if (call_->half_closed) {
      Check(machine_.state() == StreamState::kHalfClosed, "state once half-closed");
    } else {
      const auto next = NextUnwritten();
      const bool replaying = next != owed_.end() && next->attempts != 0;
      Check(machine_.state() == (replaying ? StreamState::kReplaying : StreamState::kLive),
            "state while connected");
    }
    if (call_->cancelled) return;
    const bool awaits = call_->connected && (OutstandingInCall() != 0 || call_->half_closed);
    if (policy_.idle_timeout && awaits) {
      Check(timer_ && *timer_ <= last_progress_ + *policy_.idle_timeout, "S16: nothing watches for silence");
    }
    if (deadline_) Check(timer_ && *timer_ <= *deadline_, "nothing watches the deadline");
    if (!call_->connected || call_->write_pending || call_->half_closed) return;
    Check(NextUnwritten() == owed_.end(), "liveness: something to write, and nothing writes it");
  }

  void Step(bool calm) {
    if (!calm && random_.OneIn(10)) InjectStale();
    switch (random_.Below(8)) {
      case 0:
      case 1:
        return Submit(calm);
      case 2:
        return Input([&] {
          machine_.Pump(now_);
          Check(!finished_ || PumpMayFinish(), "finished by Pump");
        });
      case 3:
        return PassTime(calm);
      case 4:
        if (!calm && random_.OneIn(200)) return Cancel();
        return Serve(calm);
      default:
        return Transport(calm);
    }
  }

  bool PumpMayFinish() const { return EverythingAnswered() && finish_.status.ok() && ever_connected_; }

  void Submit(bool calm) {
    if (input_closed_ || sealed_ || submitter_waits_) return;
    if (next_tag_ == updates_) {
      if (calm || random_.OneIn(8)) input_closed_ = true;
      return;
    }
    Owed update;
    update.tag = next_tag_;
    update.update = {absl::StrCat("a", random_.Below(ids_)), absl::StrCat("c", next_tag_),
                     std::string(random_.Below(20), 'z')};
    const std::size_t bytes = EncodedSize(update.update);
    const bool fits = Held() < window_ && BytesHeld() + bytes <= most_bytes_;
    const bool taken = room_.TryTake(bytes);
    Check(taken == fits, "S7: room is given or refused wrongly");
    submitter_waits_ = !taken;
    if (!taken) return;
    ++next_tag_;
    submitted_.push_back(std::move(update));
  }

  void PassTime(bool calm) {
    if (timer_ && (calm || random_.OneIn(2))) {
      if (!random_.OneIn(4)) now_ = std::max(now_, *timer_);
    } else {
      now_ += milliseconds(random_.Below(40));
    }
    const bool due = timer_ && *timer_ <= now_;
    // Too early must not matter.
    if (!due && !random_.OneIn(8)) return;
    if (due) timer_.reset();
    FireTimer();
  }

  void FireTimer() {
    const bool backing_off = !call_;
    const bool cancelled = call_ && call_->cancelled;
    const bool awaits = call_ && call_->connected && (OutstandingInCall() != 0 || call_->half_closed);
    const bool idle = policy_.idle_timeout && awaits && now_ >= last_progress_ + *policy_.idle_timeout;
    Input([&] {
      machine_.TimerFired(now_);
      if (deadline_ && now_ >= *deadline_) {
        if (backing_off) {
          ExpectFinish(absl::StatusCode::kDeadlineExceeded, "the deadline does not end a backoff");
        } else if (cancel_reason_ != CancelReason::kCaller) {
          Check(cancelled || cancels_ == 1, "the deadline does not end the call");
          cancel_reason_ = CancelReason::kDeadline;
        }
        return;
      }
      if (backing_off) {
        Check((opens_ == 1) == (now_ >= reconnect_at_), "S10: the timer does not reconnect");
        return;
      }
      Check(opens_ == 0, "S9: a second reconnect");
      if (idle && !cancelled) cancel_reason_ = CancelReason::kIdle;
      Check((cancels_ == 1) == (idle && !cancelled), "S16: an idle stream is not replaced, or a busy one is");
    });
  }

  void Cancel() {
    const bool open = call_.has_value();
    const bool cancelled = open && call_->cancelled;
    Input([&] {
      machine_.Cancel();
      if (open) {
        cancel_reason_ = CancelReason::kCaller;
        Check(cancelled || cancels_ == 1, "S17: Cancel leaves the call alone");
      } else {
        ExpectFinish(absl::StatusCode::kCancelled, "S17: Cancel does not end a backoff");
      }
    });
  }

  void Serve(bool calm) {
    if (!call_ || !call_->connected || call_->end) return;
    const bool fault = !calm && random_.OneIn(faults_in_);
    if (fault && random_.OneIn(2)) {
      switch (random_.Below(4)) {
        case 0:
          return Kill();
        case 1:
          call_->end = ServersEnd();
          return;
        case 2:
          call_->to_client.push_back({absl::StrCat("a", random_.Below(ids_)), false});
          return;
        default:
          call_->to_client.push_back({{}, true});
          return;
      }
    }
    if (call_->to_server.empty()) {
      if (call_->half_closed) call_->end = AttemptEnd{absl::OkStatus(), Phase::kStream, Origin::kServer};
      return;
    }
    const std::string id = call_->to_server.front();
    call_->to_server.pop_front();
    // Without an idle time-out nobody would ever notice.
    if (fault && policy_.idle_timeout && random_.OneIn(2)) return;
    call_->to_client.push_back({id, false});
    if (!fault) return;
    if (random_.OneIn(2)) call_->to_client.push_back({id, false});
    std::swap(call_->to_client[random_.Below(call_->to_client.size())], call_->to_client.back());
  }

  AttemptEnd ServersEnd() {
    using Code = absl::StatusCode;
    constexpr std::array kTransient{Code::kAborted, Code::kUnavailable, Code::kInternal, Code::kUnknown};
    constexpr std::array kPermanent{
        Code::kUnauthenticated, Code::kPermissionDenied,   Code::kUnimplemented,
        Code::kInvalidArgument, Code::kFailedPrecondition, Code::kResourceExhausted,
        Code::kDataLoss,        Code::kCancelled,          Code::kDeadlineExceeded};
    AttemptEnd end{absl::OkStatus(), Phase::kStream, Origin::kServer};
    switch (random_.Below(10)) {
      case 0:
        end.status = absl::Status(kPermanent[random_.Below(kPermanent.size())], "final");
        break;
      case 1:
        end.status = absl::ResourceExhaustedError("later");
        end.pushback = milliseconds(random_.Below(300));
        break;
      case 2:
        end.status = absl::UnavailableError("not again");
        end.pushback = milliseconds(random_.OneIn(4) ? -1 : 120);
        break;
      case 3:
      case 4:
      case 5:
        break;  // a clean OK
      default:
        end.status = absl::Status(kTransient[random_.Below(kTransient.size())], "passing");
    }
    return end;
  }

  void Kill() {
    call_->to_server.clear();
    call_->to_client.clear();
    call_->end = AttemptEnd{absl::UnavailableError("Socket closed"), Phase::kStream, Origin::kLocal};
  }

  void Transport(bool calm) {
    if (!call_) return;
    if (!call_->connected) return Connect(calm);
    if (!calm && !call_->write_pending && random_.OneIn(20)) return RepeatCompletion();
    if (call_->write_pending && random_.OneIn(2)) return CompleteWrite();
    if (!call_->to_client.empty()) return Read();
    if (call_->end && (calm || random_.OneIn(2))) return End();
  }

  void Connect(bool calm) {
    if (call_->nowhere) {
      AttemptEnd end{absl::UnavailableError("every endpoint has been tried"), Phase::kResolve,
                     Origin::kLocal};
      const CancelReason why = cancel_reason_;
      const Generation generation = call_->generation;
      call_.reset();
      Input([&] {
        machine_.CannotConnect(generation, std::move(end), now_);
        if (why == CancelReason::kCaller) {
          ExpectFinish(absl::StatusCode::kCancelled, "S17: Cancel while connecting");
        } else if (why == CancelReason::kDeadline) {
          ExpectFinish(absl::StatusCode::kDeadlineExceeded, "the deadline while connecting");
        } else if (!policy_.resume || !lost_since_) {
          ExpectFinish(absl::StatusCode::kUnavailable, "a stream that never was up does not end", "refused");
        } else if (EverythingAnswered() && ever_connected_) {
          ExpectFinish(absl::StatusCode::kOk, "S1: everything is answered, and it is no success");
        } else {
          ExpectBackOff({});
        }
      });
      return;
    }
    if (call_->end) return End();
    if (!calm && random_.OneIn(3)) {
      const bool before_http = !random_.OneIn(5);
      call_->end = AttemptEnd{absl::UnavailableError("refused"),
                              before_http ? Phase::kConnect : Phase::kStream, Origin::kLocal};
      return End();
    }
    call_->connected = true;
    resumed_ = std::exchange(ever_connected_, true);
    last_progress_ = now_;
    lost_since_.reset();
    Input([&] { machine_.Connected(call_->generation, now_); });
  }

  // Of what is over already: there is nothing to do.
  void RepeatCompletion() {
    const bool connected = random_.OneIn(2);
    Input([&] {
      if (connected) machine_.Connected(call_->generation, now_);
      if (!connected) machine_.Writable(call_->generation, now_);
      Check(opens_ + cancels_ == 0 && !finished_, "a repeated completion does something");
    });
  }

  void CompleteWrite() {
    call_->write_pending = false;
    const bool promised = call_->more_promised && !call_->cancelled;
    Input([&] {
      machine_.Writable(call_->generation, now_);
      Check(!promised || writes_ == 1, "more was promised, and did not come");
    });
  }

  void Read() {
    const Message message = call_->to_client.front();
    call_->to_client.pop_front();
    if (call_->undecodable_told) return;
    if (message.undecodable) {
      call_->undecodable_told = true;
      const bool cancelled = call_->cancelled;
      Input([&] {
        machine_.Undecodable(call_->generation);
        Check((cancels_ == 1) == !cancelled, "S19: an undecodable result does not end the call");
      });
      if (!cancelled) cancel_reason_ = CancelReason::kUndecodable;
      return;
    }
    const std::uint64_t delivered = delivered_;
    const bool owed = FindWritten(message.id) != owed_.end();
    if (!owed) ++unknown_;
    if (owed) {
      last_progress_ = now_;
      backoffs_since_result_ = 0;
      fruitless_ = 0;
      ++results_in_call_;
    }
    AssignmentResult result{message.id, true};
    Input([&] {
      machine_.Result(call_->generation, result, now_);
      Check(delivered_ == delivered + (owed ? 1 : 0), "S1, S6: a result is lost or made up");
      Check(opens_ + cancels_ == 0, "a result opens or ends a call");
    });
  }

  void End() {
    Check(call_->end.has_value(), "the simulation itself is wrong");
    const Call call = *std::move(call_);
    call_.reset();
    const AttemptEnd end = *call.end;
    const CancelReason why = std::exchange(cancel_reason_, CancelReason::kNone);
    // As it was in the call.
    const std::size_t outstanding = OutstandingInCall();
    const std::string oldest = owed_.empty() ? std::string() : owed_.front().update.assignment_id;
    const bool everything_answered = EverythingAnswered();
    const bool by_us = end.status.ok() || end.status.code() == absl::StatusCode::kCancelled;
    Input([&] {
      machine_.Ended(call.generation, end, now_);
      if (end.status.ok() && everything_answered) {
        return ExpectFinish(absl::StatusCode::kOk, "S12: a stream that is over does not end");
      }
      if (why == CancelReason::kCaller) {
        return ExpectFinish(absl::StatusCode::kCancelled, "S17: a cancelled stream goes on");
      }
      const bool timed_out =
          end.status.code() == absl::StatusCode::kDeadlineExceeded && deadline_ && now_ >= *deadline_;
      if (why == CancelReason::kDeadline || timed_out) {
        return ExpectFinish(absl::StatusCode::kDeadlineExceeded, "the stream goes on past its deadline",
                            "not finished within");
      }
      if (!call.connected && end.phase == Phase::kConnect) {
        ++tried_;
        Check(opens_ == 1 && call_, "no other endpoint is tried");
        if (call_) call_->nowhere = tried_ == endpoints_;
        return;
      }
      AttemptEnd judged = end;
      const bool undecodable = why == CancelReason::kUndecodable && (by_us || MayResume(end));
      if (undecodable) {
        judged.status = absl::DataLossError("");
      } else if (end.status.ok() || (by_us && why == CancelReason::kIdle)) {
        judged.status = absl::UnavailableError("");
      }
      if (!policy_.resume || (!MayResume(judged) && !undecodable)) {
        return ExpectFinish(judged.status.code(), "S13: a final status does not end the stream as it is",
                            std::string(judged.status.message()));
      }
      if (EverythingAnswered() && ever_connected_) {
        return ExpectFinish(absl::StatusCode::kOk, "S1: everything is answered, and it is no success");
      }
      if (call.connected && resumed_ && results_in_call_ == 0 && outstanding != 0) ++fruitless_;
      if (policy_.poison_limit != 0 && fruitless_ >= policy_.poison_limit) {
        return ExpectFinish(judged.status.code(), "S14: a poison update spins, or is not named",
                            absl::StrCat("\"", oldest, "\""));
      }
      if (undecodable) {
        if (undecodable_after_ == delivered_) {
          return ExpectFinish(absl::StatusCode::kDataLoss, "S19: undecodable twice at the same point");
        }
        undecodable_after_ = delivered_;
      }
      ExpectBackOff(judged);
    });
  }

  // S8: what belongs to another call, or to none.
  void InjectStale() {
    Generation generation = random_.Below(last_generation_ + 3);
    if (call_ && generation == call_->generation) ++generation;
    const StreamState state = machine_.state();
    const std::uint64_t delivered = delivered_;
    const std::optional<Time> timer = timer_;
    const StreamStatistics before = machine_.statistics();
    opens_ = cancels_ = writes_ = 0;
    const bool finished = finished_;
    AssignmentResult result{owed_.empty() ? "a0" : owed_.front().update.assignment_id, false};
    switch (random_.Below(6)) {
      case 0:
        machine_.Connected(generation, now_);
        break;
      case 1:
        machine_.Writable(generation, now_);
        break;
      case 2:
        machine_.Result(generation, result, now_);
        break;
      case 3:
        machine_.Undecodable(generation);
        break;
      case 4:
        machine_.CannotConnect(generation, {absl::UnavailableError("stale"), Phase::kConnect, Origin::kLocal},
                               now_);
        break;
      default:
        machine_.Ended(generation, {absl::PermissionDeniedError("stale"), Phase::kStream, Origin::kServer},
                       now_);
    }
    const StreamStatistics after = machine_.statistics();
    Check(machine_.state() == state && delivered_ == delivered && timer_ == timer && finished_ == finished &&
              opens_ + cancels_ + writes_ == 0 && before.unknown_results == after.unknown_results &&
              before.reconnects == after.reconnects &&
              before.undecodable_results == after.undecodable_results,
          "S8: a completion of an older generation changes something");
  }

  void CheckTheEnd() {
    Check(delivered_ + owed_.size() == next_tag_, "S1: an update is neither answered nor listed");
    const std::vector<UnacknowledgedAssignment> left = machine_.outbox().Unacknowledged();
    Check(std::equal(left.begin(), left.end(), owed_.begin(), owed_.end(),
                     [](const UnacknowledgedAssignment& a, const Owed& b) {
                       return a.tag == b.tag && a.update == b.update;
                     }),
          "S1: not what is owed, in order");
    Check(!finish_.status.ok() || owed_.empty(), "S11: a success that owes results");
    Check(finish_.status.ok() == (machine_.state() == StreamState::kDone), "state at the end");
    for (int i = 0; i < 10; ++i) {
      InjectStale();
      machine_.TimerFired(now_ + std::chrono::hours(1));
      machine_.Pump(now_);
      machine_.Cancel();
      Check(opens_ + cancels_ + writes_ == 0, "S17: something is done after the end");
    }
  }

  Random random_;
  const StreamPolicy policy_;
  const std::size_t window_;
  const std::size_t most_bytes_;
  const std::uint64_t ids_;
  const std::uint64_t updates_;
  const std::uint64_t endpoints_;
  const std::uint64_t faults_in_;
  Time now_{std::chrono::hours(1)};
  Room room_;
  StreamMachine machine_;
  std::string failure_;

  // The submitter.
  std::deque<Owed> submitted_;  // not yet taken
  std::uint64_t next_tag_ = 0;
  bool submitter_waits_ = false;
  bool input_closed_ = false;

  // The transport.
  std::optional<Call> call_;
  Generation last_generation_ = 0;
  std::uint64_t tried_ = 0;
  std::optional<Time> timer_;

  // The model.
  std::deque<Owed> owed_;
  bool input_ended_ = false;
  bool ever_connected_ = false;
  bool resumed_ = false;
  bool sealed_ = false;
  bool finished_ = false;
  AttemptEnd finish_;
  CancelReason cancel_reason_ = CancelReason::kNone;
  std::optional<Time> deadline_;
  std::optional<Time> lost_since_;
  Time reconnect_at_;
  Time last_progress_;
  int backoffs_since_result_ = 0;
  int fruitless_ = 0;
  int results_in_call_ = 0;
  std::uint64_t undecodable_after_ = ~std::uint64_t{0};
  std::uint64_t delivered_ = 0;
  std::uint64_t unknown_ = 0;
  std::uint64_t resent_ = 0;

  // Of the last input.
  int opens_ = 0;
  int cancels_ = 0;
  int writes_ = 0;
};

}  // namespace dispatchctl::internal::simulation
