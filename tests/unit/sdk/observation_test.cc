#include "observe/observation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "call/lookup_call.h"
#include "fake_transport.h"
#include "lookup_ends.h"
#include "stream/stream_driver.h"
#include "tests/support/recording_observer.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const std::string kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const std::string kOtherTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class ListenedResolver final : public Resolver {
 public:
  explicit ListenedResolver(Listener& listener) : listener_(listener) {}
  void Start(Listener listener) override { listener_ = std::move(listener); }
  void ResolveSoon() override {}

 private:
  Listener& listener_;
};

class ObservationTest : public testing::Test {
 protected:
  ObservationTest() {
    options_.retry = Compile(RetryPolicy{.initial_backoff = milliseconds(1), .max_backoff = milliseconds(4)});
    observer_ = std::make_shared<RecordingObserver>(record_);
  }
  ~ObservationTest() override {
    if (environment_ != nullptr) environment_->pool->Stop();
    Settle(loop_);
  }

  FakeServer& server(const std::string& name) { return (*servers_)[name]; }

  std::shared_ptr<Observation> MakeObservation() {
    return std::make_shared<Observation>(observer_, "a,b",
                                         [this](std::string_view text) { warnings_.emplace_back(text); });
  }

  void MakePool(Target target, std::unique_ptr<Resolver> resolver = nullptr) {
    environment_ = std::make_unique<LookupEnvironment>(defaults_, RetryThrottling{}, 1);
    environment_->observation = MakeObservation();
    pool_options_.observation = environment_->observation;
    environment_->pool = EndpointPool::Make(std::move(target), std::move(resolver),
                                            std::make_unique<FakeChannelFactory>(servers_), pool_options_,
                                            [this]() -> EventLoop& { return loop_; });
  }
  void MakePool(const std::vector<std::string>& names) { MakePool(FakeTarget(names)); }

  absl::Status Run(std::string_view courier_id = "courier-1") {
    EndOfCall handler;
    LookupCall call(*environment_, loop_, options_, courier_id, handler);
    call.Start(/*on_loop=*/true);
    loop_.RunUntil(handler.done);
    return call.result().status();
  }

  // All but what is told of endpoints.
  std::vector<std::string> CallLines() const {
    std::vector<std::string> lines = record_->lines();
    std::erase_if(lines, [](const std::string& line) {
      return line.starts_with("endpoint") || line.starts_with("connection") || line.starts_with("breaker");
    });
    return lines;
  }

  void ResolveTo(const std::vector<std::string>& names) {
    listener_(FakeTarget(names).addresses);
    Settle(loop_);
  }

  std::shared_ptr<FakeServers> servers_ = std::make_shared<FakeServers>();
  std::shared_ptr<Record> record_ = std::make_shared<Record>();
  std::shared_ptr<Observer> observer_;
  std::vector<std::string> warnings_;
  EventLoop loop_;
  EffectiveOptions options_;
  Metadata defaults_;
  EndpointPoolOptions pool_options_;
  Resolver::Listener listener_;
  std::unique_ptr<LookupEnvironment> environment_;
};

TEST_F(ObservationTest, TellsOfACallAndItsAttempt) {
  MakePool({"a"});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(CallLines(),
              ElementsAre("call started GetCourierStatus", "attempt 1 started on a",
                          "attempt 1 ended on a OK", "call ended OK, attempts 1", "call destroyed"));
}

TEST_F(ObservationTest, TellsOfRetriesAndThePausesBetweenThem) {
  MakePool({"a"});
  server("a").lookup_ends = {kUnavailable, kUnavailable, kAnswer};
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(CallLines(),
              ElementsAre("call started GetCourierStatus", "attempt 1 started on a",
                          "attempt 1 ended on a UNAVAILABLE", "backoff after 1", "attempt 2 started on a",
                          "attempt 2 ended on a UNAVAILABLE", "backoff after 2", "attempt 3 started on a",
                          "attempt 3 ended on a OK", "call ended OK, attempts 3", "call destroyed"));
}

TEST_F(ObservationTest, TellsOfAHedgeAndOfTheAttemptThatItOvertakes) {
  MakePool({"a", "b"});
  options_.hedging = {.mode = HedgingMode::kFixed, .delay = milliseconds(2), .max_ratio = 1};
  server("a").lookup_hangs = true;
  // One in two begins with the endpoint that hangs.
  for (int i = 0; i < 6 && record_->lines("attempt 2 (hedge) started").empty(); ++i) ASSERT_TRUE(Run().ok());
  std::vector<std::string> lines = CallLines();
  lines.erase(lines.begin(), lines.end() - 7);
  EXPECT_THAT(lines,
              ElementsAre("call started GetCourierStatus", "attempt 1 started on a",
                          "attempt 2 (hedge) started on b", "attempt 2 (hedge) ended on b OK",
                          "attempt 1 ended on a CANCELLED", "call ended OK, attempts 2", "call destroyed"));
}

TEST_F(ObservationTest, TellsOfACallThatIsCancelledBeforeAnythingIsSent) {
  MakePool({"a"});
  EndOfCall handler;
  LookupCall call(*environment_, loop_, options_, "courier-1", handler);
  call.Cancel();
  call.Start(/*on_loop=*/true);
  loop_.RunUntil(handler.done);
  EXPECT_THAT(CallLines(), ElementsAre("call started GetCourierStatus", "call ended CANCELLED, attempts 0",
                                       "call destroyed"));
}

TEST_F(ObservationTest, SaysNothingOfACallThatIsRefusedForItsId) {
  MakePool({"a"});
  EXPECT_FALSE(Run("").ok());
  EXPECT_THAT(CallLines(), IsEmpty());
}

TEST_F(ObservationTest, TellsOfABreakerThatOpensAndClosesAgain) {
  pool_options_.breaker.open_timeout = milliseconds(1);
  pool_options_.breaker.half_open_requests = 1;
  options_.retry.max_attempts = 1;
  MakePool({"a"});
  server("a").lookup_ends = {kUnavailable};
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(Run().ok());
  EXPECT_THAT(record_->lines("breaker"), ElementsAre("breaker a closed to open"));
  server("a").lookup_ends = {kAnswer};
  const Clock::time_point patience = Clock::now() + seconds(60);
  while (!Run().ok() && Clock::now() < patience) {
  }
  EXPECT_THAT(record_->lines("breaker"),
              ElementsAre("breaker a closed to open", "breaker a open to half-open",
                          "breaker a half-open to closed"));
}

TEST_F(ObservationTest, TellsOfEndpointsThatComeAndGoAndOfTheirConnections) {
  Target target;
  target.names = {{"example", 1}};
  MakePool(std::move(target), std::make_unique<ListenedResolver>(listener_));
  environment_->pool->Describe(Clock::now());
  ResolveTo({"a", "b"});
  environment_->pool->Describe(Clock::now());
  Settle(loop_);
  SetConnectivity(server("b"), Connectivity::kTransientFailure);
  Settle(loop_);
  ResolveTo({"b", "c"});
  SetConnectivity(server("a"), Connectivity::kShutdown);
  Settle(loop_);
  environment_->pool->Stop();
  EXPECT_THAT(record_->lines(),
              ElementsAre("endpoint added a", "endpoint added b", "connection a idle to ready",
                          "connection b idle to ready", "connection b ready to transient_failure",
                          "endpoint added c", "endpoint removed a ready", "connection c idle to ready",
                          "endpoint removed b transient_failure", "endpoint removed c ready"));
}

TEST_F(ObservationTest, KeepsTheOrderOfWhatSeveralThreadsSee) {
  const std::shared_ptr<Observation> observation = MakeObservation();
  std::mutex order;
  EndpointState state = EndpointState::kIdle;
  std::vector<std::string> expected;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 500; ++j) {
        {
          const std::lock_guard<std::mutex> lock(order);
          const EndpointState next =
              state == EndpointState::kIdle ? EndpointState::kConnecting : EndpointState::kIdle;
          expected.push_back("connection a " + std::string(EndpointStateName(state)) + " to " +
                             std::string(EndpointStateName(next)));
          observation->Note("a", state, next);
          state = next;
        }
        observation->Flush();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(record_->lines(), expected);
}

TEST_F(ObservationTest, SendsTheHeadersOfTheObserverWithEachAttempt) {
  observer_ = std::make_shared<RecordingObserver>(
      record_, RecordingCallObserver::Headers{{"Traceparent", kTraceparent}, {"baggage", "a=b"}});
  defaults_ = {{"x-client", "1"}};
  options_.metadata = {{"x-call", "2"}};
  MakePool({"a"});
  server("a").lookup_ends = {kUnavailable, kAnswer};
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(server("a").last_metadata,
              ElementsAre(Pair("x-client", "1"), Pair("x-call", "2"), Pair("traceparent", kTraceparent),
                          Pair("baggage", "a=b")));
}

TEST_F(ObservationTest, DoesNotSendHeadersThatAreNotTheObserversToSet) {
  observer_ = std::make_shared<RecordingObserver>(
      record_, RecordingCallObserver::Headers{{"authorization", "Bearer x"},
                                              {"x-client", "other"},
                                              {"x-call", "other"},
                                              {"grpc-timeout", "1S"},
                                              {"x-bad", "two\nlines"},
                                              {"x-good", "1"}});
  defaults_ = {{"x-client", "1"}};
  options_.metadata = {{"x-call", "2"}};
  MakePool({"a"});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(server("a").last_metadata,
              ElementsAre(Pair("x-client", "1"), Pair("x-call", "2"), Pair("x-good", "1")));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("an observer's header is not sent: ")));
}

TEST_F(ObservationTest, SendsTheTraceContextOfTheCallWhereTheObserverSendsNone) {
  options_.trace_context = {kTraceparent, "vendor=1"};
  MakePool({"a"});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(server("a").last_metadata,
              ElementsAre(Pair("traceparent", kTraceparent), Pair("tracestate", "vendor=1")));
  EXPECT_THAT(CallLines(), Contains("call started GetCourierStatus in " + kTraceparent));
}

TEST_F(ObservationTest, SendsTheObserversTraceparentInsteadOfTheCalls) {
  observer_ = std::make_shared<RecordingObserver>(
      record_, RecordingCallObserver::Headers{{"traceparent", kOtherTraceparent}});
  options_.trace_context = {kTraceparent, "vendor=1"};
  MakePool({"a"});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(server("a").last_metadata, ElementsAre(Pair("traceparent", kOtherTraceparent)));
}

TEST_F(ObservationTest, LeavesATraceparentInTheCallsMetadataAlone) {
  observer_ = std::make_shared<RecordingObserver>(
      record_, RecordingCallObserver::Headers{{"traceparent", kOtherTraceparent}});
  options_.metadata = {{"traceparent", "the caller's"}};
  options_.trace_context = {kTraceparent};
  MakePool({"a"});
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(server("a").last_metadata, ElementsAre(Pair("traceparent", "the caller's")));
}

TEST_F(ObservationTest, SurvivesAnObserverThatThrowsAndSaysSoOnce) {
  observer_ = std::make_shared<ThrowingObserver>();
  options_.retry.max_attempts = 4;
  MakePool({"a"});
  server("a").lookup_ends = {kUnavailable, kAnswer};
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(server("a").lookups, 2);
  EXPECT_THAT(server("a").last_metadata, IsEmpty()) << "headers of a call that threw";
  environment_->pool->Stop();
  EXPECT_THAT(warnings_, ElementsAre("an observer has thrown \"added\", which is ignored"));
}

TEST_F(ObservationTest, GoesOnUnobservedWhereTheObserverIsNotInterested) {
  class Uninterested final : public Observer {};
  observer_ = std::make_shared<Uninterested>();
  MakePool({"a"});
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(warnings_, IsEmpty());
}

class StreamObservationTest : public ObservationTest {
 protected:
  std::unique_ptr<AssignmentStream> Open(const std::vector<std::string>& names, StreamOptions options = {}) {
    options.initial_reconnect_backoff = milliseconds(1);
    options.max_reconnect_backoff = milliseconds(5);
    auto core = MakeFakeCore(servers_, FakeTarget(names));
    core->lookups().observation = MakeObservation();
    auto stream = MakeAssignmentStream(std::move(core), std::move(options));
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }
};

TEST_F(StreamObservationTest, TellsOfAStreamFromItsOpeningToItsEnd) {
  StreamOptions options;
  options.trace_context = {kTraceparent};
  const auto stream = Open({"a"}, std::move(options));
  ASSERT_TRUE(stream->Submit({"a-1", "c-1", "z"}).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_THAT(
      CallLines(),
      ElementsAre("call started StreamAssignments in " + kTraceparent, "attempt 1 started on a",
                  "stream 0 opened on a OK, unacknowledged 0, acknowledged 0", "attempt 1 ended on a OK",
                  "stream 0 ended on a OK, unacknowledged 0, acknowledged 1",
                  "call ended OK, attempts 1, submitted 1, acknowledged 1, reconnects 0", "call destroyed"));
  EXPECT_THAT(server("a").last_metadata, ElementsAre(Pair("traceparent", kTraceparent)));
}

TEST_F(StreamObservationTest, TellsOfALossAndOfTheResumption) {
  server("a").break_on = "a-2";
  server("a").stream_end = {absl::UnavailableError("Socket closed"), Phase::kStream, Origin::kLocal};
  server("b").break_on = "a-2";
  server("b").stream_end = server("a").stream_end;
  std::atomic<bool> mended{false};
  StreamOptions options;
  options.on_interruption = [&](const StreamInterruption& interruption) {
    if (interruption.resumed || mended.exchange(true)) return;
    for (const char* name : {"a", "b"}) {
      const std::lock_guard<std::mutex> lock(server(name).mutex);
      server(name).break_on.clear();
      server(name).stream_end = {absl::OkStatus(), Phase::kStream, Origin::kServer};
    }
  };
  const auto stream = Open({"a", "b"}, std::move(options));
  ASSERT_TRUE(stream->Submit({"a-1", "c-1", "z"}).ok());
  ASSERT_TRUE(stream->Next());
  ASSERT_TRUE(stream->Submit({"a-2", "c-1", "z"}).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_THAT(
      CallLines(),
      ElementsAre("call started StreamAssignments", "attempt 1 started on a",
                  "stream 0 opened on a OK, unacknowledged 0, acknowledged 0",
                  "attempt 1 ended on a UNAVAILABLE", "backoff after 1",
                  "stream 0 interrupted on a UNAVAILABLE, unacknowledged 1, acknowledged 1",
                  "attempt 2 started on b", "stream 0 resumed on b OK, unacknowledged 1, acknowledged 1",
                  "attempt 2 ended on b OK", "stream 0 ended on b OK, unacknowledged 0, acknowledged 2",
                  "call ended OK, attempts 2, submitted 2, acknowledged 2, reconnects 1", "call destroyed"));
}

TEST_F(StreamObservationTest, TellsOfAStreamThatWasNeverOpened) {
  server("a").stream_refusal = Refused("a");
  const auto stream = Open({"a"});
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(CallLines(),
              ElementsAre("call started StreamAssignments", "attempt 1 started on a",
                          "attempt 1 ended on a UNAVAILABLE",
                          "stream 0 ended on a UNAVAILABLE, unacknowledged 0, acknowledged 0",
                          "call ended UNAVAILABLE, attempts 1, submitted 0, acknowledged 0, reconnects 0",
                          "call destroyed"));
}

TEST_F(StreamObservationTest, TellsOfEachStreamThatSharesTheWork) {
  StreamOptions options;
  options.streams = 2;
  const auto stream = Open({"a", "b"}, std::move(options));
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(record_->lines("stream 0 ended").size(), 1U);
  EXPECT_EQ(record_->lines("stream 1 ended").size(), 1U);
  EXPECT_THAT(record_->lines("call ended"),
              ElementsAre("call ended OK, attempts 2, submitted 0, acknowledged 0, reconnects 0"));
}

TEST_F(StreamObservationTest, SurvivesAnObserverThatThrows) {
  observer_ = std::make_shared<ThrowingObserver>();
  const auto stream = Open({"a"});
  ASSERT_TRUE(stream->Submit({"a-1", "c-1", "z"}).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("an observer has thrown \"attempt started\"")));
}

TEST_F(StreamObservationTest, RefusesATraceContextThatIsNone) {
  StreamOptions options;
  options.trace_context = {"00-x"};
  auto core = MakeFakeCore(servers_, FakeTarget({"a"}));
  EXPECT_THAT(std::string(MakeAssignmentStream(core, std::move(options)).status().message()),
              HasSubstr("traceparent"));
}

}  // namespace
}  // namespace dispatchctl::internal
