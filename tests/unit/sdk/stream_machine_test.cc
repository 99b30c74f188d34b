#include "stream/stream_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dispatchctl::internal {
namespace {

using absl::StatusCode;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Time = Outbox::Time;

constexpr double kNoJitter = 0.5;

StreamPolicy Policy() {
  StreamPolicy policy;
  policy.initial_backoff = milliseconds(100);
  policy.max_backoff = milliseconds(350);
  policy.backoff_multiplier = 2;
  return policy;
}

AttemptEnd ServersEnd(StatusCode code, std::optional<milliseconds> pushback = std::nullopt) {
  return {absl::Status(code, code == StatusCode::kOk ? "" : "the server's words"), Phase::kStream,
          Origin::kServer, pushback};
}

AttemptEnd CannotBeReached() {
  return {absl::UnavailableError("refused"), Phase::kConnect, Origin::kLocal};
}

AttemptEnd NoEndpoint(Phase phase = Phase::kResolve) {
  return {absl::UnavailableError("every endpoint has been tried"), phase, Origin::kLocal};
}

// A machine whose world does what the test says, and nothing by itself.
class Stream final : private StreamActions {
 public:
  explicit Stream(const StreamPolicy& policy, double random = kNoJitter)
      : machine_(policy, *this, [random] { return random; }) {}

  void Start() { machine_.Start(now); }
  void StartConnected() {
    Start();
    Connect();
  }
  void Submit(const std::string& id) { submitted_.push_back({{id, "c", "z"}, next_tag_++}); }
  void SubmitAndPump(const std::string& id) {
    Submit(id);
    machine_.Pump(now);
  }
  void CloseInput() {
    closed_ = true;
    machine_.Pump(now);
  }
  void Connect() { machine_.Connected(machine_.generation(), now); }
  void Writable() { machine_.Writable(machine_.generation(), now); }
  void Answer(const std::string& id) {
    AssignmentResult result{id, true};
    machine_.Result(machine_.generation(), result, now);
  }
  void Undecodable() { machine_.Undecodable(machine_.generation()); }
  void End(AttemptEnd end) { machine_.Ended(machine_.generation(), std::move(end), now); }
  void Lose() { End({absl::UnavailableError("Socket closed"), Phase::kStream, Origin::kLocal}); }
  void EndCancelled() { End({absl::CancelledError("CANCELLED"), Phase::kStream, Origin::kLocal}); }
  void CannotConnect(AttemptEnd end = NoEndpoint()) {
    machine_.CannotConnect(machine_.generation(), std::move(end), now);
  }
  void FireTimerAt(Time when) {
    now = when;
    machine_.TimerFired(now);
  }
  // Once it has lost its call.
  void Reconnect() {
    FireTimerAt(timer.value());
    Connect();
  }
  void Cancel() { machine_.Cancel(); }

  StreamMachine& machine() { return machine_; }
  StreamState state() const { return machine_.state(); }
  std::string message() const { return std::string(finished.value().status.message()); }
  StatusCode code() const { return finished.value().status.code(); }

  Time now{hours(1000)};
  std::vector<std::pair<Generation, bool>> opened;    // and whether in a new round
  std::vector<std::pair<std::string, bool>> written;  // and whether more follows
  std::vector<nanoseconds> backoffs;
  std::vector<std::string> delivered;
  std::vector<int> delivered_attempts;
  std::optional<Time> timer;
  std::optional<AttemptEnd> finished;
  int half_closed = 0;
  int cancelled = 0;
  int sealed = 0;

 private:
  void OpenCall(Generation generation, bool new_round) override {
    opened.emplace_back(generation, new_round);
  }
  void TakeSubmitted() override {
    if (submitted_.empty() && closed_) machine_.EndInput();
    for (; !submitted_.empty(); submitted_.pop_front()) {
      machine_.Submit(submitted_.front().update, submitted_.front().tag);
    }
  }
  void Write(const AssignmentUpdate& update, bool more) override {
    written.emplace_back(update.assignment_id, more);
  }
  void HalfClose() override { ++half_closed; }
  void CancelCall() override { ++cancelled; }
  void BackingOff(nanoseconds delay) override { backoffs.push_back(delay); }
  void StartTimer(Time when) override { timer = when; }
  void StopTimer() override { timer.reset(); }
  void Deliver(Outbox::Acknowledged&& acknowledged, AssignmentResult& result, Time) override {
    EXPECT_EQ(acknowledged.update.assignment_id, result.assignment_id);
    delivered.push_back(result.assignment_id);
    delivered_attempts.push_back(acknowledged.attempts);
  }
  void Seal() override {
    ++sealed;
    closed_ = true;
    TakeSubmitted();
  }
  void Finish(AttemptEnd end) override {
    EXPECT_FALSE(finished.has_value()) << "finished twice";
    EXPECT_GT(sealed, 0);
    EXPECT_FALSE(timer.has_value());
    finished = std::move(end);
  }

  std::deque<UnacknowledgedAssignment> submitted_;
  std::uint64_t next_tag_ = 0;
  bool closed_ = false;
  StreamMachine machine_;
};

// A stream that has written one update, which has no answer.
class StreamMachineTest : public testing::Test {
 protected:
  void Begin(const StreamPolicy& policy, double random = kNoJitter) {
    stream_.emplace(policy, random);
    stream_->Submit("a");
    stream_->StartConnected();
    ASSERT_THAT(stream_->written, ElementsAre(Pair("a", false)));
  }
  Stream& stream() { return *stream_; }

  std::optional<Stream> stream_;
};

TEST(StreamPolicy, ResumesAndHasNoBoundsUntilToldOtherwise) {
  const StreamPolicy policy;
  EXPECT_TRUE(policy.resume);
  EXPECT_EQ(policy.backoff_multiplier, 1);
  EXPECT_EQ(policy.poison_limit, 0);
}

TEST(StreamMachine, BeginsWithNothing) {
  Stream stream(Policy());
  EXPECT_EQ(stream.state(), StreamState::kIdle);
  EXPECT_EQ(stream.machine().generation(), 0U);
  EXPECT_FALSE(stream.machine().finished());
  EXPECT_FALSE(stream.machine().ever_connected());
  stream.machine().Pump(stream.now);
  EXPECT_THAT(stream.opened, IsEmpty());
}

TEST(StreamMachine, WritesWhatIsSubmittedAndEndsWithTheServer) {
  Stream stream(Policy());
  stream.Submit("a");
  stream.Submit("b");
  stream.Start();
  EXPECT_THAT(stream.opened, ElementsAre(Pair(1U, true)));
  EXPECT_EQ(stream.state(), StreamState::kConnecting);
  EXPECT_FALSE(stream.timer.has_value());
  stream.Writable();
  EXPECT_THAT(stream.written, IsEmpty()) << "not connected yet";
  stream.Connect();
  EXPECT_EQ(stream.state(), StreamState::kLive);
  EXPECT_TRUE(stream.machine().ever_connected());
  EXPECT_THAT(stream.written, ElementsAre(Pair("a", true)));
  stream.Connect();
  EXPECT_EQ(stream.written.size(), 1U) << "connected already";
  stream.machine().Pump(stream.now);
  EXPECT_EQ(stream.written.size(), 1U) << "one write at a time";
  stream.Writable();
  EXPECT_THAT(stream.written, ElementsAre(Pair("a", true), Pair("b", false)));
  stream.Writable();
  stream.CloseInput();
  EXPECT_EQ(stream.half_closed, 1);
  EXPECT_EQ(stream.state(), StreamState::kHalfClosed);
  stream.Writable();
  EXPECT_EQ(stream.half_closed, 1);
  stream.Answer("b");
  stream.Answer("x");
  stream.Answer("a");
  EXPECT_THAT(stream.delivered, ElementsAre("b", "a"));
  EXPECT_EQ(stream.machine().statistics().acknowledged, 2U);
  EXPECT_EQ(stream.machine().statistics().unknown_results, 1U);
  EXPECT_FALSE(stream.finished.has_value());
  stream.End(ServersEnd(StatusCode::kOk));
  EXPECT_EQ(stream.code(), StatusCode::kOk);
  EXPECT_EQ(stream.finished->origin, Origin::kServer);
  EXPECT_EQ(stream.state(), StreamState::kDone);
  EXPECT_TRUE(stream.machine().finished());
  EXPECT_EQ(stream.machine().statistics().reconnects, 0U);
  EXPECT_EQ(stream.machine().statistics().resent, 0U);
}

TEST_F(StreamMachineTest, ReplaysWhatHasNoAnswerBeforeAnythingNew) {
  Begin(Policy());
  stream().Writable();
  stream().SubmitAndPump("b");
  stream().Lose();
  EXPECT_EQ(stream().state(), StreamState::kBackoff);
  stream().Submit("c");
  stream().Reconnect();
  EXPECT_THAT(stream().opened, ElementsAre(Pair(1U, true), Pair(2U, true)));
  EXPECT_EQ(stream().state(), StreamState::kReplaying);
  stream().Writable();
  EXPECT_EQ(stream().state(), StreamState::kLive);
  stream().Writable();
  EXPECT_THAT(stream().written, ElementsAre(Pair("a", false), Pair("b", false), Pair("a", true),
                                            Pair("b", true), Pair("c", false)));
  stream().Answer("a");
  stream().Answer("c");
  EXPECT_THAT(stream().delivered_attempts, ElementsAre(2, 1));
  EXPECT_EQ(stream().machine().statistics().reconnects, 1U);
  EXPECT_EQ(stream().machine().statistics().resent, 2U);
}

TEST_F(StreamMachineTest, WaitsLongerFromLossToLossUntilAResultComes) {
  Begin(Policy());
  for (int i = 0; i < 4; ++i) {
    stream().Lose();
    EXPECT_EQ(stream().timer, stream().now + stream().backoffs.back());
    stream().FireTimerAt(*stream().timer - nanoseconds(1));
    EXPECT_EQ(stream().state(), StreamState::kBackoff);
    stream().Reconnect();
  }
  stream().Answer("a");
  stream().Lose();
  EXPECT_THAT(stream().backoffs, ElementsAre(milliseconds(100), milliseconds(200), milliseconds(350),
                                             milliseconds(350), milliseconds(100)));
}

TEST_F(StreamMachineTest, HasTwentyPercentOfJitter) {
  Begin(Policy(), 0);
  stream().Lose();
  EXPECT_THAT(stream().backoffs, ElementsAre(milliseconds(80)));
  Begin(Policy(), 1);
  stream().Lose();
  EXPECT_THAT(stream().backoffs, ElementsAre(milliseconds(120)));
}

TEST_F(StreamMachineTest, WaitsAsLongAsTheServerSaysButNoLessThanAtFirst) {
  Begin(Policy());
  stream().End(ServersEnd(StatusCode::kUnavailable, milliseconds(900)));
  stream().Reconnect();
  stream().End(ServersEnd(StatusCode::kUnavailable, milliseconds(0)));
  stream().Reconnect();
  stream().Lose();
  EXPECT_THAT(stream().backoffs, ElementsAre(milliseconds(900), milliseconds(100), milliseconds(100)))
      << "and counts none of these";
}

TEST_F(StreamMachineTest, IsResumedAfterSomeStatusesAndEndsWithTheOthers) {
  for (int number = 1; number <= 16; ++number) {
    Begin(Policy());
    const auto code = static_cast<StatusCode>(number);
    stream().End(ServersEnd(code));
    const bool resumed = code == StatusCode::kUnavailable || code == StatusCode::kAborted ||
                         code == StatusCode::kInternal || code == StatusCode::kUnknown;
    EXPECT_EQ(stream().state(), resumed ? StreamState::kBackoff : StreamState::kFailed) << number;
    if (resumed) continue;
    EXPECT_EQ(stream().code(), code);
    EXPECT_EQ(stream().message(), "the server's words");
    EXPECT_EQ(stream().finished->origin, Origin::kServer);
    EXPECT_TRUE(stream().machine().finished());
    EXPECT_EQ(stream().machine().outbox().size(), 1U);
  }
}

TEST_F(StreamMachineTest, IsResumedAfterResourceExhaustedOnceTheServerNamesADelay) {
  Begin(Policy());
  stream().End(ServersEnd(StatusCode::kResourceExhausted, milliseconds(0)));
  EXPECT_EQ(stream().state(), StreamState::kBackoff);
}

TEST_F(StreamMachineTest, EndsWhenTheServerAsksNotToBeTriedAgain) {
  Begin(Policy());
  stream().End(ServersEnd(StatusCode::kUnavailable, milliseconds(-1)));
  EXPECT_EQ(stream().code(), StatusCode::kUnavailable);
}

TEST_F(StreamMachineTest, IsResumedUnauthenticatedOnlyWithAnotherToken) {
  Begin(Policy());
  AttemptEnd end = ServersEnd(StatusCode::kUnauthenticated);
  end.has_new_token = true;
  stream().End(end);
  EXPECT_EQ(stream().state(), StreamState::kBackoff);
}

TEST_F(StreamMachineTest, SaysWhatTheServerLeftUnanswered) {
  StreamPolicy policy = Policy();
  policy.resume = false;
  Begin(policy);
  stream().End(ServersEnd(StatusCode::kOk));
  EXPECT_EQ(stream().code(), StatusCode::kUnavailable);
  EXPECT_EQ(stream().message(), "the server ended the stream with 1 assignments unacknowledged");
  EXPECT_EQ(stream().finished->origin, Origin::kLocal);
  EXPECT_EQ(stream().finished->phase, Phase::kStream);

  Begin(policy);
  stream().Answer("a");
  stream().End(ServersEnd(StatusCode::kOk));
  EXPECT_EQ(stream().message(), "the server ended the stream before the input had ended");
  EXPECT_EQ(stream().code(), StatusCode::kUnavailable);
}

TEST_F(StreamMachineTest, CountsWhatIsHandedInAtTheEnd) {
  StreamPolicy policy = Policy();
  policy.resume = false;
  Begin(policy);
  stream().Submit("b");
  stream().End(ServersEnd(StatusCode::kOk));
  EXPECT_EQ(stream().message(), "the server ended the stream with 2 assignments unacknowledged");
}

TEST_F(StreamMachineTest, IsResumedAfterTheServersEarlyEnd) {
  Begin(Policy());
  stream().End(ServersEnd(StatusCode::kOk));
  EXPECT_EQ(stream().state(), StreamState::kBackoff);
}

TEST_F(StreamMachineTest, EndsWellWhenOnlyTheServersLastWordIsMissing) {
  Begin(Policy());
  stream().Answer("a");
  stream().Writable();
  stream().CloseInput();
  stream().Lose();
  EXPECT_EQ(stream().code(), StatusCode::kOk);
  EXPECT_EQ(stream().finished->origin, Origin::kLocal);
  EXPECT_EQ(stream().finished->phase, Phase::kStream);
}

TEST_F(StreamMachineTest, EndsWellWhenTheInputEndsInABackoffWithEverythingAnswered) {
  Begin(Policy());
  stream().Answer("a");
  stream().Lose();
  stream().machine().Pump(stream().now);
  EXPECT_FALSE(stream().finished.has_value()) << "the input has not ended";
  stream().CloseInput();
  EXPECT_EQ(stream().code(), StatusCode::kOk);
  EXPECT_EQ(stream().state(), StreamState::kDone);
}

TEST(StreamMachine, EndsWithTheCauseWhereNoEndpointCanBeReached) {
  Stream stream(Policy());
  stream.Start();
  stream.End(CannotBeReached());
  EXPECT_THAT(stream.opened, ElementsAre(Pair(1U, true), Pair(2U, false)));
  EXPECT_EQ(stream.state(), StreamState::kConnecting);
  stream.CannotConnect();
  EXPECT_EQ(stream.message(), "refused");
  EXPECT_EQ(stream.finished->phase, Phase::kConnect);
  EXPECT_FALSE(stream.machine().ever_connected());
}

TEST(StreamMachine, TriesAnotherEndpointForEachFailureBeforeAnythingWasSent) {
  for (const Phase phase : {Phase::kResolve, Phase::kConnect, Phase::kTls}) {
    Stream stream(Policy());
    stream.Start();
    stream.End({absl::UnavailableError("x"), phase, Origin::kLocal});
    EXPECT_THAT(stream.opened, ElementsAre(Pair(1U, true), Pair(2U, false))) << PhaseName(phase);
  }
  Stream stream(Policy());
  stream.Start();
  stream.End({absl::InvalidArgumentError("x"), Phase::kArguments, Origin::kLocal});
  EXPECT_EQ(stream.code(), StatusCode::kInvalidArgument);
}

TEST(StreamMachine, EndsAtOnceWithoutAnEndpointAtTheStart) {
  Stream stream(Policy());
  stream.Submit("a");
  stream.Start();
  stream.CannotConnect();
  EXPECT_EQ(stream.message(), "every endpoint has been tried");
  EXPECT_EQ(stream.finished->phase, Phase::kResolve);
  EXPECT_EQ(stream.state(), StreamState::kFailed);
  EXPECT_EQ(stream.machine().outbox().size(), 1U);
}

TEST(StreamMachine, DoesNotCallAStreamASuccessThatNeverWasConnected) {
  Stream stream(Policy());
  stream.CloseInput();
  stream.Start();
  stream.CannotConnect();
  EXPECT_EQ(stream.code(), StatusCode::kUnavailable);
}

TEST_F(StreamMachineTest, KeepsLookingForAnEndpointOnceItWasConnected) {
  Begin(Policy());
  stream().Lose();
  stream().FireTimerAt(stream().timer.value());
  stream().End(CannotBeReached());
  stream().CannotConnect();
  EXPECT_EQ(stream().state(), StreamState::kBackoff);
  EXPECT_EQ(stream().backoffs.size(), 2U);
  stream().FireTimerAt(stream().timer.value());
  EXPECT_THAT(stream().opened, ElementsAre(Pair(1U, true), Pair(2U, true), Pair(3U, false), Pair(4U, true)));
}

TEST_F(StreamMachineTest, IsAStreamThatEndedWhenNoServerIsLeft) {
  StreamPolicy policy = Policy();
  policy.reconnect_timeout = milliseconds(250);
  Begin(policy);
  stream().Lose();
  stream().FireTimerAt(stream().timer.value());
  stream().End(CannotBeReached());
  stream().CannotConnect();
  EXPECT_EQ(stream().code(), StatusCode::kUnavailable);
  EXPECT_EQ(stream().message(), "not reconnected within 250ms; last error: refused");
  EXPECT_EQ(stream().finished->phase, Phase::kStream);
  EXPECT_EQ(stream().finished->origin, Origin::kLocal);
}

TEST_F(StreamMachineTest, ReconnectsWithinItsTimeForThatAndNoLater) {
  StreamPolicy policy = Policy();
  policy.reconnect_timeout = milliseconds(100);
  Begin(policy);
  stream().Lose();
  EXPECT_EQ(stream().state(), StreamState::kBackoff) << "just in time";
  stream().Reconnect();
  stream().Answer("a");
  stream().Lose();
  EXPECT_EQ(stream().state(), StreamState::kBackoff) << "counted from the last loss";
  policy.reconnect_timeout = milliseconds(100) - nanoseconds(1);
  Begin(policy);
  stream().Lose();
  EXPECT_EQ(stream().message(), "not reconnected within 99.999999ms; last error: Socket closed");
}

TEST_F(StreamMachineTest, ReconnectsBeforeItsDeadlineAndNoLater) {
  StreamPolicy policy = Policy();
  policy.total_timeout = milliseconds(100);
  Begin(policy);
  stream().Lose();
  EXPECT_EQ(stream().message(), "not reconnected within 100ms; last error: Socket closed");
  EXPECT_EQ(stream().code(), StatusCode::kUnavailable);
  policy.total_timeout = milliseconds(100) + nanoseconds(1);
  Begin(policy);
  stream().Lose();
  EXPECT_EQ(stream().state(), StreamState::kBackoff);
  EXPECT_EQ(stream().timer, stream().now + milliseconds(100));
}

TEST_F(StreamMachineTest, GivesUpOnAnUpdateThatBreaksItsServerEachTime) {
  StreamPolicy policy = Policy();
  policy.poison_limit = 2;
  Begin(policy);
  stream().Lose();
  stream().Reconnect();
  stream().Lose();
  stream().Reconnect();
  EXPECT_FALSE(stream().finished.has_value());
  stream().Lose();
  EXPECT_EQ(stream().message(),
            "gave up after 2 reconnects without a result; the first unacknowledged assignment is \"a\"; "
            "last error: Socket closed");
}

TEST_F(StreamMachineTest, BlamesNoUpdateWhileResultsCome) {
  StreamPolicy policy = Policy();
  policy.poison_limit = 1;
  Begin(policy);
  for (int i = 0; i < 3; ++i) {
    stream().Lose();
    stream().Reconnect();
    stream().Submit("b");
    stream().Writable();
    stream().Answer(i == 0 ? "a" : "b");
    EXPECT_FALSE(stream().finished.has_value());
  }
  stream().Answer("b");
  EXPECT_EQ(stream().machine().outbox().size(), 0U);
  stream().Lose();
  stream().Reconnect();
  stream().Lose();
  EXPECT_EQ(stream().state(), StreamState::kBackoff) << "the call had written nothing";
}

TEST_F(StreamMachineTest, BlamesNoUpdateForCallsThatNeverWereConnected) {
  StreamPolicy policy = Policy();
  policy.poison_limit = 1;
  Begin(policy);
  stream().Lose();
  for (int i = 0; i < 3; ++i) {
    stream().FireTimerAt(stream().timer.value());
    stream().End(ServersEnd(StatusCode::kUnavailable));
    EXPECT_EQ(stream().state(), StreamState::kBackoff);
  }
}

TEST_F(StreamMachineTest, ReplacesACallThatIsSilent) {
  StreamPolicy policy = Policy();
  policy.idle_timeout = seconds(1);
  Begin(policy);
  EXPECT_EQ(stream().timer, stream().now + seconds(1));
  const Time written = stream().now;
  stream().FireTimerAt(written + milliseconds(999));
  EXPECT_EQ(stream().cancelled, 0);
  EXPECT_EQ(stream().timer, written + seconds(1));
  stream().FireTimerAt(written + seconds(1));
  EXPECT_EQ(stream().cancelled, 1);
  stream().FireTimerAt(written + seconds(2));
  EXPECT_EQ(stream().cancelled, 1);
  stream().Writable();
  stream().SubmitAndPump("b");
  EXPECT_EQ(stream().written.size(), 1U) << "nothing more for a call that is over";
  stream().EndCancelled();
  EXPECT_EQ(stream().state(), StreamState::kBackoff);
}

TEST_F(StreamMachineTest, SaysHowLongItHeardNothing) {
  StreamPolicy policy = Policy();
  policy.idle_timeout = seconds(1);
  policy.resume = false;
  Begin(policy);
  stream().FireTimerAt(*stream().timer);
  stream().EndCancelled();
  EXPECT_EQ(stream().code(), StatusCode::kUnavailable);
  EXPECT_EQ(stream().message(), "no result for 1s, with 1 assignments unacknowledged");
}

TEST_F(StreamMachineTest, IsNotSilentWhileResultsComeOrNothingIsAwaited) {
  StreamPolicy policy = Policy();
  policy.idle_timeout = seconds(1);
  Begin(policy);
  stream().Writable();
  stream().now += milliseconds(700);
  stream().SubmitAndPump("b");
  stream().Answer("a");
  const Time answered = stream().now;
  stream().FireTimerAt(*stream().timer);
  EXPECT_EQ(stream().cancelled, 0);
  EXPECT_EQ(stream().timer, answered + seconds(1));
  stream().Answer("b");
  stream().timer.reset();
  stream().FireTimerAt(answered + seconds(1));
  EXPECT_EQ(stream().cancelled, 0) << "nothing is awaited";
  EXPECT_FALSE(stream().timer.has_value());
  stream().Writable();
  stream().SubmitAndPump("c");
  EXPECT_EQ(stream().timer, stream().now + seconds(1)) << "counted from when there was something to wait for";
}

TEST_F(StreamMachineTest, AwaitsTheServersLastWordToo) {
  StreamPolicy policy = Policy();
  policy.idle_timeout = seconds(1);
  Begin(policy);
  stream().Answer("a");
  stream().FireTimerAt(stream().now + seconds(5));
  EXPECT_EQ(stream().cancelled, 0);
  stream().timer.reset();
  stream().Writable();
  stream().CloseInput();
  EXPECT_EQ(stream().timer, stream().now + seconds(1));
  stream().FireTimerAt(*stream().timer);
  EXPECT_EQ(stream().cancelled, 1);
  stream().EndCancelled();
  EXPECT_EQ(stream().code(), StatusCode::kOk) << "everything was answered";
}

TEST_F(StreamMachineTest, IsResumedOnceAfterAResultThatCannotBeDecoded) {
  Begin(Policy());
  stream().Undecodable();
  stream().Undecodable();
  EXPECT_EQ(stream().cancelled, 1);
  EXPECT_EQ(stream().machine().statistics().undecodable_results, 1U);
  stream().EndCancelled();
  EXPECT_EQ(stream().state(), StreamState::kBackoff);
  stream().Reconnect();
  stream().Undecodable();
  stream().EndCancelled();
  EXPECT_EQ(stream().code(), StatusCode::kDataLoss);
  EXPECT_EQ(stream().message(), "a result from the server could not be decoded");
  EXPECT_EQ(stream().finished->origin, Origin::kLocal);
  EXPECT_EQ(stream().finished->phase, Phase::kStream);
}

TEST_F(StreamMachineTest, KeepsAStatusThatComesBeforeItCanCancel) {
  Begin(Policy());
  stream().Undecodable();
  stream().End(ServersEnd(StatusCode::kPermissionDenied));
  EXPECT_EQ(stream().code(), StatusCode::kPermissionDenied);
  Begin(Policy());
  stream().Undecodable();
  stream().End(ServersEnd(StatusCode::kDataLoss));
  EXPECT_EQ(stream().message(), "the server's words");
}

TEST_F(StreamMachineTest, IsCancelledByItsCallerOnce) {
  Begin(Policy());
  stream().Cancel();
  stream().Cancel();
  EXPECT_EQ(stream().cancelled, 1);
  EXPECT_FALSE(stream().finished.has_value());
  stream().EndCancelled();
  EXPECT_EQ(stream().code(), StatusCode::kCancelled);
  EXPECT_EQ(stream().message(), "CANCELLED");
  EXPECT_EQ(stream().finished->origin, Origin::kLocal);
  stream().Cancel();
  EXPECT_EQ(stream().cancelled, 1);
}

TEST_F(StreamMachineTest, IsCancelledWhateverTheServerSaysOfIt) {
  Begin(Policy());
  stream().Cancel();
  stream().End(ServersEnd(StatusCode::kUnavailable));
  EXPECT_EQ(stream().code(), StatusCode::kCancelled);
  EXPECT_EQ(stream().message(), "cancelled");
}

TEST_F(StreamMachineTest, IsCancelledBetweenTwoCalls) {
  Begin(Policy());
  stream().Lose();
  stream().Cancel();
  EXPECT_EQ(stream().code(), StatusCode::kCancelled);
  EXPECT_EQ(stream().message(), "cancelled before it was connected");
  EXPECT_EQ(stream().finished->phase, Phase::kStream);
}

TEST(StreamMachine, IsCancelledBeforeItWasConnected) {
  Stream stream(Policy());
  stream.Start();
  stream.Cancel();
  EXPECT_EQ(stream.cancelled, 1);
  stream.CannotConnect();
  EXPECT_EQ(stream.code(), StatusCode::kCancelled);
  EXPECT_EQ(stream.message(), "cancelled before it was connected");
  EXPECT_EQ(stream.finished->phase, Phase::kResolve);
  EXPECT_EQ(stream.finished->origin, Origin::kLocal);
}

TEST(StreamMachine, WritesNothingToACallThatWasCancelledWhileItConnected) {
  Stream stream(Policy());
  stream.Submit("a");
  stream.Start();
  stream.Cancel();
  stream.Connect();
  stream.Writable();
  EXPECT_THAT(stream.written, IsEmpty());
}

TEST(StreamMachine, MayNotBeResolvedWithinItsDeadline) {
  StreamPolicy policy = Policy();
  policy.total_timeout = seconds(2);
  Stream stream(policy);
  stream.Start();
  EXPECT_EQ(stream.timer, stream.now + seconds(2));
  stream.FireTimerAt(*stream.timer - nanoseconds(1));
  EXPECT_EQ(stream.cancelled, 0);
  stream.FireTimerAt(*stream.timer);
  EXPECT_EQ(stream.cancelled, 1);
  stream.CannotConnect();
  EXPECT_EQ(stream.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(stream.message(), "target not resolved within 2s");
  EXPECT_EQ(stream.finished->origin, Origin::kLocal);
}

TEST_F(StreamMachineTest, EndsAtItsDeadline) {
  StreamPolicy policy = Policy();
  policy.total_timeout = seconds(2);
  Begin(policy);
  stream().FireTimerAt(stream().now + seconds(2));
  EXPECT_EQ(stream().cancelled, 1);
  stream().EndCancelled();
  EXPECT_EQ(stream().code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(stream().message(), "not finished within 2s");
}

TEST_F(StreamMachineTest, EndsAtItsDeadlineInABackoff) {
  StreamPolicy policy = Policy();
  policy.total_timeout = seconds(2);
  policy.initial_backoff = policy.max_backoff = seconds(1);
  Begin(policy);
  stream().Lose();
  EXPECT_EQ(stream().timer, stream().now + seconds(1));
  stream().FireTimerAt(stream().now + seconds(2));
  EXPECT_EQ(stream().message(), "not finished within 2s");
  EXPECT_EQ(stream().finished->phase, Phase::kStream);
  EXPECT_EQ(stream().opened.size(), 1U);
}

TEST_F(StreamMachineTest, TakesTheCallsDeadlineForItsOwnOnlyOnceThatIsPast) {
  StreamPolicy policy = Policy();
  policy.total_timeout = seconds(2);
  Begin(policy);
  stream().now += seconds(2);
  stream().End(ServersEnd(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(stream().message(), "not finished within 2s");
  Begin(policy);
  stream().now += seconds(2) - nanoseconds(1);
  stream().End(ServersEnd(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(stream().message(), "the server's words");
  Begin(Policy());
  stream().End(ServersEnd(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(stream().message(), "the server's words");
}

TEST_F(StreamMachineTest, LeavesACallToItsCallersCancelAtTheDeadline) {
  StreamPolicy policy = Policy();
  policy.total_timeout = seconds(2);
  Begin(policy);
  stream().Cancel();
  stream().FireTimerAt(stream().now + seconds(2));
  EXPECT_EQ(stream().cancelled, 1);
  stream().EndCancelled();
  EXPECT_EQ(stream().code(), StatusCode::kCancelled);
}

TEST_F(StreamMachineTest, HearsNothingOfAnEarlierCall) {
  Begin(Policy());
  stream().Lose();
  stream().Reconnect();
  const std::size_t written = stream().written.size();
  AssignmentResult result{"a", true};
  StreamMachine& machine = stream().machine();
  machine.Result(1, result, stream().now);
  machine.Writable(1, stream().now);
  machine.Undecodable(1);
  machine.Connected(1, stream().now);
  machine.CannotConnect(1, NoEndpoint(), stream().now);
  machine.Ended(1, ServersEnd(StatusCode::kPermissionDenied), stream().now);
  EXPECT_THAT(stream().delivered, IsEmpty());
  EXPECT_EQ(stream().written.size(), written);
  EXPECT_EQ(stream().cancelled, 0);
  EXPECT_EQ(stream().state(), StreamState::kLive);
  EXPECT_EQ(machine.statistics().unknown_results, 0U);
}

TEST_F(StreamMachineTest, HearsNothingAfterItsEnd) {
  Begin(Policy());
  stream().End(ServersEnd(StatusCode::kPermissionDenied));
  stream().FireTimerAt(stream().now + hours(1));
  stream().Lose();
  stream().Answer("a");
  stream().CannotConnect();
  stream().Cancel();
  EXPECT_EQ(stream().opened.size(), 1U);
  EXPECT_THAT(stream().delivered, IsEmpty());
  EXPECT_FALSE(stream().timer.has_value());
}

}  // namespace
}  // namespace dispatchctl::internal
