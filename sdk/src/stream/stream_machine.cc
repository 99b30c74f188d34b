#include "stream/stream_machine.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::nanoseconds;

// gRFC A6.
constexpr double kJitter = 0.2;

std::string Text(nanoseconds duration) {
  return absl::FormatDuration(absl::FromChrono(duration));
}

// Nothing of the stream has reached a server.
bool IsBeforeSending(Phase phase) {
  return phase == Phase::kResolve || phase == Phase::kConnect || phase == Phase::kTls;
}

}  // namespace

StreamMachine::StreamMachine(const StreamPolicy& policy, StreamActions& actions,
                             std::function<double()> random)
    : policy_(policy), actions_(actions), random_(std::move(random)) {}

void StreamMachine::Start(Time now) {
  if (policy_.total_timeout) deadline_ = now + *policy_.total_timeout;
  Open(/*new_round=*/true);
}

void StreamMachine::Open(bool new_round) {
  state_ = StreamState::kConnecting;
  ++generation_;
  open_ = true;
  SetTimer();
  actions_.OpenCall(generation_, new_round);
}

void StreamMachine::Pump(Time now) {
  if (writable_) {
    WriteNext(now);
  } else if (state_ == StreamState::kBackoff) {
    FinishIfEverythingAnswered();
  }
}

void StreamMachine::Connected(Generation generation, Time now) {
  if (!IsCurrent(generation) || connected_) return;
  connected_ = true;
  resumed_ = std::exchange(ever_connected_, true);
  if (resumed_) ++statistics_.reconnects;
  lost_since_.reset();
  last_progress_ = now;
  state_ = outbox_.next_is_resend() ? StreamState::kReplaying : StreamState::kLive;
  if (cancelled_ != Cancelled::kNo) return;
  writable_ = true;
  WriteNext(now);
}

void StreamMachine::Writable(Generation generation, Time now) {
  if (!IsCurrent(generation) || !connected_ || half_closed_ || cancelled_ != Cancelled::kNo) return;
  writable_ = true;
  WriteNext(now);
}

bool StreamMachine::HasUnwritten() {
  if (outbox_.has_unwritten()) return true;
  if (input_ended_) return false;
  actions_.TakeSubmitted();
  return outbox_.has_unwritten();
}

void StreamMachine::WriteNext(Time now) {
  if (!HasUnwritten()) {
    if (!input_ended_) return;
    writable_ = false;
    half_closed_ = true;
    state_ = StreamState::kHalfClosed;
    if (outstanding_ == 0) last_progress_ = now;
    if (!watches_idle_) SetTimer();
    actions_.HalfClose();
    return;
  }
  writable_ = false;
  const AssignmentUpdate& update = outbox_.TakeNextToWrite(now);
  if (outstanding_++ == 0) last_progress_ = now;
  if (!watches_idle_) SetTimer();
  if (state_ == StreamState::kReplaying && !outbox_.next_is_resend()) state_ = StreamState::kLive;
  actions_.Write(update, HasUnwritten());
}

void StreamMachine::Result(Generation generation, AssignmentResult& result, Time now) {
  if (!IsCurrent(generation)) return;
  std::optional<Outbox::Acknowledged> acknowledged = outbox_.Acknowledge(result.assignment_id);
  if (!acknowledged) {
    ++statistics_.unknown_results;
    return;
  }
  ++statistics_.acknowledged;
  --outstanding_;
  last_progress_ = now;
  got_result_ = true;
  backoffs_ = 0;
  fruitless_ = 0;
  actions_.Deliver(*std::move(acknowledged), result, now);
}

void StreamMachine::Undecodable(Generation generation) {
  if (!IsCurrent(generation) || cancelled_ != Cancelled::kNo) return;
  ++statistics_.undecodable_results;
  CancelOpenCall(Cancelled::kAsUndecodable);
}

void StreamMachine::CancelOpenCall(Cancelled why) {
  const bool under_way = cancelled_ != Cancelled::kNo;
  cancelled_ = why;
  writable_ = false;
  if (!under_way) actions_.CancelCall();
}

void StreamMachine::Cancel() {
  if (finished()) return;
  if (open_) {
    CancelOpenCall(Cancelled::kByCaller);
  } else {
    Finish({absl::CancelledError("cancelled before it was connected"), Phase::kConnect, Origin::kLocal});
  }
}

void StreamMachine::TimerFired(Time now) {
  if (finished()) return;
  watches_idle_ = false;
  if (deadline_ && now >= *deadline_) {
    if (!open_) {
      Finish(DeadlineExceeded(Phase::kConnect));
    } else if (cancelled_ != Cancelled::kByCaller) {
      CancelOpenCall(Cancelled::kByDeadline);
    }
    return;
  }
  if (state_ == StreamState::kBackoff && now >= reconnect_at_) {
    Open(/*new_round=*/true);
    return;
  }
  if (policy_.idle_timeout && AwaitsServer() && now >= last_progress_ + *policy_.idle_timeout &&
      cancelled_ == Cancelled::kNo) {
    CancelOpenCall(Cancelled::kAsIdle);
    return;
  }
  SetTimer();
}

void StreamMachine::SetTimer() {
  std::optional<Time> when = deadline_;
  const auto bring_forward = [&](Time to) { when = when ? std::min(*when, to) : to; };
  watches_idle_ = AwaitsServer();
  if (state_ == StreamState::kBackoff) {
    bring_forward(reconnect_at_);
  } else if (watches_idle_ && policy_.idle_timeout) {
    bring_forward(last_progress_ + *policy_.idle_timeout);
  }
  if (when) actions_.StartTimer(*when);
}

StreamMachine::Cancelled StreamMachine::CloseCall() {
  open_ = false;
  connected_ = false;
  writable_ = false;
  half_closed_ = false;
  watches_idle_ = false;
  return std::exchange(cancelled_, Cancelled::kNo);
}

void StreamMachine::CannotConnect(Generation generation, AttemptEnd end, Time now) {
  if (!IsCurrent(generation)) return;
  const Cancelled why = CloseCall();
  if (why == Cancelled::kByCaller) {
    Finish({absl::CancelledError("cancelled before it was connected"), end.phase, Origin::kLocal});
    return;
  }
  if (why == Cancelled::kByDeadline) {
    Finish(DeadlineExceeded(end.phase));
    return;
  }
  // What the endpoints of this round said tells more than that there is no other.
  if (!last_end_.status.ok()) end = std::move(last_end_);
  // A stream that was never up has nothing to resume: whoever opened it can be told.
  if (!policy_.resume || !lost_since_) {
    Finish(std::move(end));
  } else if (!FinishIfEverythingAnswered()) {
    BackOff(std::move(end), now);
  }
}

// Only the server's word that the stream is over is missing: nothing to come back for.
bool StreamMachine::FinishIfEverythingAnswered() {
  if (!input_ended_) actions_.TakeSubmitted();
  if (!ever_connected_ || !EverythingAnswered()) return false;
  Finish({absl::OkStatus(), Phase::kStream, Origin::kLocal});
  return true;
}

void StreamMachine::Ended(Generation generation, AttemptEnd end, Time now) {
  if (!IsCurrent(generation)) return;
  const bool was_connected = connected_;
  const Cancelled why = CloseCall();
  if (end.status.ok() && EverythingAnswered()) {
    Finish(std::move(end));
    return;
  }
  if (why == Cancelled::kByCaller) {
    if (end.status.code() != absl::StatusCode::kCancelled) end.status = absl::CancelledError("cancelled");
    Finish({std::move(end.status), end.phase, Origin::kLocal});
    return;
  }
  const bool timed_out =
      end.status.code() == absl::StatusCode::kDeadlineExceeded && deadline_ && now >= *deadline_;
  if (why == Cancelled::kByDeadline || timed_out) {
    Finish(DeadlineExceeded(end.phase));
    return;
  }
  if (!was_connected && IsBeforeSending(end.phase)) {
    last_end_ = std::move(end);
    Open(/*new_round=*/false);
    return;
  }
  // Counted in its message.
  if (!policy_.resume) actions_.Seal();
  end = Explain(std::move(end), why);
  const bool undecodable = why == Cancelled::kAsUndecodable &&
                           end.status.code() == absl::StatusCode::kDataLoss && end.origin == Origin::kLocal;
  if (!policy_.resume || (!undecodable && !MayResume(end))) {
    Finish(std::move(end));
    return;
  }
  if (FinishIfEverythingAnswered()) return;
  if (was_connected && resumed_ && !got_result_ && outstanding_ != 0) ++fruitless_;
  if (policy_.poison_limit != 0 && fruitless_ >= policy_.poison_limit) {
    GiveUp(std::move(end),
           absl::StrCat("gave up after ", fruitless_, " reconnects without a result; ",
                        "the first unacknowledged assignment is ", Quoted(outbox_.oldest().assignment_id)));
    return;
  }
  if (undecodable) {
    if (undecodable_after_ == statistics_.acknowledged) {
      Finish(std::move(end));
      return;
    }
    undecodable_after_ = statistics_.acknowledged;
  }
  BackOff(std::move(end), now);
}

AttemptEnd StreamMachine::Explain(AttemptEnd end, Cancelled why) const {
  const bool by_us = end.status.ok() || end.status.code() == absl::StatusCode::kCancelled;
  if (why == Cancelled::kAsUndecodable && (by_us || MayResume(end))) {
    end.status = absl::DataLossError("a result from the server could not be decoded");
  } else if (by_us && why == Cancelled::kAsIdle) {
    end.status = absl::UnavailableError(absl::StrCat("no result for ", Text(*policy_.idle_timeout), ", with ",
                                                     outbox_.size(), " assignments unacknowledged"));
  } else if (!end.status.ok()) {
    return end;
  } else if (outbox_.size() != 0) {
    end.status = absl::UnavailableError(
        absl::StrCat("the server ended the stream with ", outbox_.size(), " assignments unacknowledged"));
  } else {
    end.status = absl::UnavailableError("the server ended the stream before the input had ended");
  }
  end.phase = Phase::kStream;
  end.origin = Origin::kLocal;
  return end;
}

bool StreamMachine::MayResume(const AttemptEnd& end) {
  if (end.pushback && *end.pushback < std::chrono::milliseconds::zero()) return false;
  switch (end.status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return true;
    case absl::StatusCode::kResourceExhausted:
      // Without a word on when to come back it may as well be a message too large, which stays so.
      return end.pushback.has_value();
    case absl::StatusCode::kUnauthenticated:
      return end.has_new_token;
    default:
      return false;
  }
}

void StreamMachine::BackOff(AttemptEnd end, Time now) {
  if (!lost_since_) lost_since_ = now;
  reconnect_at_ = now + NextBackoff(end);
  if (deadline_ && reconnect_at_ >= *deadline_) {
    GiveUp(std::move(end), absl::StrCat("not reconnected within ", Text(*policy_.total_timeout)));
    return;
  }
  if (policy_.reconnect_timeout && reconnect_at_ - *lost_since_ > *policy_.reconnect_timeout) {
    GiveUp(std::move(end), absl::StrCat("not reconnected within ", Text(*policy_.reconnect_timeout)));
    return;
  }
  state_ = StreamState::kBackoff;
  actions_.BackingOff(reconnect_at_ - now);
  last_end_ = {};
  outstanding_ = 0;
  got_result_ = false;
  outbox_.Rewind();
  SetTimer();
}

nanoseconds StreamMachine::NextBackoff(const AttemptEnd& end) {
  // Never sooner than that, lest a server that asks for none makes us spin.
  if (end.pushback) return std::max<nanoseconds>(*end.pushback, policy_.initial_backoff);
  const double initial = static_cast<double>(policy_.initial_backoff.count());
  const double most = static_cast<double>(policy_.max_backoff.count());
  const double delay = std::min(most, initial * std::pow(policy_.backoff_multiplier, backoffs_++));
  return nanoseconds(static_cast<std::int64_t>(delay * (1 - kJitter + 2 * kJitter * random_())));
}

AttemptEnd StreamMachine::DeadlineExceeded(Phase phase) const {
  return {absl::DeadlineExceededError(
              absl::StrCat(phase == Phase::kResolve ? "target not resolved within " : "not finished within ",
                           Text(*policy_.total_timeout))),
          phase, Origin::kLocal};
}

// Its code stays.
void StreamMachine::GiveUp(AttemptEnd end, std::string_view reason) {
  end.status =
      absl::Status(end.status.code(), absl::StrCat(View(reason), "; last error: ", end.status.message()));
  end.origin = Origin::kLocal;
  Finish(std::move(end));
}

void StreamMachine::Finish(AttemptEnd end) {
  actions_.Seal();
  actions_.StopTimer();
  state_ = end.status.ok() ? StreamState::kDone : StreamState::kFailed;
  if (ever_connected_ && IsBeforeSending(end.phase)) end.phase = Phase::kStream;
  actions_.Finish(std::move(end));
}

StreamStatistics StreamMachine::statistics() const {
  StreamStatistics out = statistics_;
  out.resent = outbox_.resent();
  return out;
}

}  // namespace dispatchctl::internal
