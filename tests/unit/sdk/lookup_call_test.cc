#include "call/lookup_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <thread>

#include "fake_transport.h"
#include "lookup_ends.h"
#include "temporary_directory.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

class NeverResolves final : public Resolver {
 public:
  void Start(Listener) override {}
  void ResolveSoon() override {}
};

const AttemptEnd kTimedOut{absl::DeadlineExceededError("Deadline Exceeded"), Phase::kCall, Origin::kLocal};

class LookupCallTest : public testing::Test {
 protected:
  LookupCallTest() {
    options_.retry = Compile(RetryPolicy{.initial_backoff = milliseconds(1), .max_backoff = milliseconds(4)});
  }
  ~LookupCallTest() override {
    if (environment_ != nullptr) environment_->pool->Stop();
    Settle(loop_);
  }

  FakeServer& server(const std::string& name) { return (*servers_)[name]; }

  void MakePool(const std::vector<std::string>& names, std::unique_ptr<Resolver> resolver = nullptr) {
    if (environment_ != nullptr) environment_->pool->Stop();
    Settle(loop_);
    Target target = FakeTarget(names);
    if (resolver != nullptr) target.names = {{"example", 1}};
    environment_ = std::make_unique<LookupEnvironment>(defaults_, throttling_, 1);
    environment_->pool = EndpointPool::Make(std::move(target), std::move(resolver),
                                            std::make_unique<FakeChannelFactory>(servers_), pool_options_,
                                            [this]() -> EventLoop& { return loop_; });
    environment_->fallback = MakeMemoryFallbackStore(10);
  }

  absl::StatusOr<CourierStatus> Run(std::string_view courier_id = "courier-1") {
    EndOfCall handler;
    LookupCall call(*environment_, loop_, options_, courier_id, handler);
    call.Start(/*on_loop=*/true);
    loop_.RunUntil(handler.done);
    report_ = call.report();
    return std::move(call.result());
  }

  int lookups() {
    int all = 0;
    for (auto& [name, server] : *servers_) all += server.lookups;
    return all;
  }

  std::shared_ptr<FakeServers> servers_ = std::make_shared<FakeServers>();
  EventLoop loop_;
  EffectiveOptions options_;
  Metadata defaults_;
  RetryThrottling throttling_;
  EndpointPoolOptions pool_options_;
  std::unique_ptr<LookupEnvironment> environment_;
  CallReport report_;
};

TEST_F(LookupCallTest, GivesTheAnswerAndHowItCameAbout) {
  MakePool({"a"});
  const auto status = Run("courier-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->courier_id, "courier-1");
  EXPECT_EQ(report_.attempts, 1);
  EXPECT_EQ(report_.endpoint, "a");
  EXPECT_EQ(report_.phase, Phase::kCall);
  EXPECT_EQ(report_.hedges, 0);
  EXPECT_FALSE(report_.stale);
  EXPECT_THAT(report_.history, IsEmpty());
  EXPECT_EQ(environment_->in_flight.load(), 0U);
}

TEST_F(LookupCallTest, RepeatsWhatNoServerHasSeenOnceForFree) {
  AttemptEnd unseen{absl::UnavailableError("GOAWAY received"), Phase::kCall, Origin::kLocal};
  unseen.unseen = true;
  options_.retry.max_attempts = 1;
  MakePool({"a"});
  for (int i = 0; i < 20; ++i) {
    server("a").lookup_ends = {unseen, kAnswer};
    EXPECT_TRUE(Run().ok()) << i;
    EXPECT_EQ(report_.attempts, 2);
  }
  server("a").lookup_ends = {unseen};
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(report_.attempts, 2);
}

TEST_F(LookupCallTest, RetriesWhatEndedWithoutAStatus) {
  MakePool({"a"});
  server("a").lookup_ends = {{absl::UnknownError("no status"), Phase::kCall, Origin::kLocal}, kAnswer};
  EXPECT_TRUE(Run().ok());
  server("a").lookup_ends = {FromServer(absl::StatusCode::kUnknown), kAnswer};
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kUnknown);
}

TEST_F(LookupCallTest, SendsNothingForAnUnusableId) {
  MakePool({"a"});
  EXPECT_EQ(Run("").status(), absl::InvalidArgumentError("courier_id is empty"));
  EXPECT_EQ(report_.phase, Phase::kArguments);
  EXPECT_EQ(report_.attempts, 0);
  EXPECT_EQ(server("a").lookups, 0);
}

TEST_F(LookupCallTest, AsksAnotherEndpointForFreeWhenOneCannotBeReached) {
  MakePool({"a", "b"});
  server("a").lookup_ends = {Refused("a")};
  for (int i = 0; i < 20; ++i) {
    const auto status = Run();
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(report_.endpoint, "b");
    if (report_.attempts == 1) continue;
    ASSERT_EQ(report_.history.size(), 2U);
    EXPECT_EQ(report_.history[0].endpoint, "a");
    EXPECT_THAT(std::string(report_.history[0].status.message()), HasSubstr("refused"));
    EXPECT_EQ(report_.history[1].endpoint, "b");
    EXPECT_TRUE(report_.history[1].status.ok());
  }
  EXPECT_GT(server("a").lookups, 0);
  EXPECT_EQ(environment_->retry_budget.tokens(), throttling_.max_tokens);
}

TEST_F(LookupCallTest, KeepsTheLastCauseWhenNothingWasEverReached) {
  MakePool({"a", "b"});
  for (const char* name : {"a", "b"}) {
    server(name).lookup_ends = {Refused(name)};
    server(name).connectivity = Connectivity::kTransientFailure;
  }
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Connection refused"));
  EXPECT_EQ(report_.phase, Phase::kConnect);
  EXPECT_EQ(report_.attempts, 1) << "all are known to be down";
  EXPECT_TRUE(report_.retryable);
}

TEST_F(LookupCallTest, PassesTheServersAnswerOn) {
  MakePool({"a"});
  server("a").lookup_ends = {FromServer(absl::StatusCode::kNotFound)};
  EXPECT_EQ(Run("x").status(), absl::NotFoundError("the server's words"));
  EXPECT_EQ(report_.origin, Origin::kServer);
  EXPECT_EQ(report_.attempts, 1);
  EXPECT_FALSE(report_.retryable);
}

TEST_F(LookupCallTest, GivesAnAttemptTheLesserOfItsTimeoutAndWhatIsLeft) {
  MakePool({"a"});
  options_.total_timeout = seconds(30);
  options_.attempt_timeout = seconds(5);
  Clock::time_point before = Clock::now();
  ASSERT_TRUE(Run().ok());
  EXPECT_GE(*server("a").last_deadline, before + seconds(5));
  EXPECT_LT(*server("a").last_deadline, before + seconds(20));

  options_.total_timeout = seconds(2);
  before = Clock::now();
  ASSERT_TRUE(Run().ok());
  EXPECT_LT(*server("a").last_deadline, before + seconds(4));
}

TEST_F(LookupCallTest, SendsTheClientsMetadataAndTheCalls) {
  defaults_ = {{"x-client", "1"}};
  MakePool({"a"});
  options_.metadata = {{"x-call", "2"}};
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(server("a").last_metadata, ElementsAre(Pair("x-client", "1"), Pair("x-call", "2")));
}

TEST_F(LookupCallTest, SaysWhereADeadlinePassed) {
  MakePool({"a"});
  options_.retry.max_attempts = 1;
  server("a").lookup_ends = {kTimedOut};
  EXPECT_THAT(std::string(Run().status().message()), HasSubstr("no answer from a within"));
  EXPECT_EQ(report_.phase, Phase::kCall);

  server("a").connectivity = Connectivity::kConnecting;
  EXPECT_THAT(std::string(Run().status().message()), HasSubstr("no connection to a within"));
  EXPECT_EQ(report_.phase, Phase::kConnect);
}

TEST_F(LookupCallTest, StopsWaitingForTheResolverAtItsDeadline) {
  MakePool({}, std::make_unique<NeverResolves>());
  options_.total_timeout = milliseconds(20);
  const auto status = Run();
  EXPECT_EQ(status.status(), absl::DeadlineExceededError("target not resolved within 20ms"));
  EXPECT_EQ(report_.phase, Phase::kResolve);
  EXPECT_EQ(report_.attempts, 0);
}

TEST_F(LookupCallTest, WaitsForAConnectionRatherThanForAnEndpointThatMayNeverAnswer) {
  server("a").connectivity = Connectivity::kConnecting;
  server("b").connectivity = Connectivity::kConnecting;
  MakePool({"a", "b"});
  Post(loop_, [&] { SetConnectivity(server("b"), Connectivity::kReady); });
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(report_.endpoint, "b");
  EXPECT_EQ(report_.attempts, 1);
}

class RetryTest : public LookupCallTest {};

TEST_F(RetryTest, TriesAnotherEndpointAfterARetryableFailure) {
  MakePool({"a", "b"});
  server("a").lookup_ends = {kUnavailable};
  for (int i = 0; i < 4; ++i) {
    const auto status = Run();
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(report_.endpoint, "b");
  }
  EXPECT_GT(server("a").lookups, 0);
  EXPECT_EQ(server("b").lookups, 4);
}

TEST_F(RetryTest, TriesTheSameEndpointAgainWhenThereIsNoOther) {
  MakePool({"a"});
  server("a").lookup_ends = {kUnavailable, kUnavailable, kAnswer};
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(report_.attempts, 3);
  ASSERT_EQ(report_.history.size(), 3U);
  EXPECT_EQ(report_.history[1].status, kUnavailable.status);
  EXPECT_GT(report_.history[1].started, report_.history[0].started + report_.history[0].elapsed);
}

TEST_F(RetryTest, EndsWithTheLastRealErrorAndTheReason) {
  MakePool({"a"});
  server("a").lookup_ends = {kUnavailable};
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(StartsWith("the server's words (gave up after 4 attempts: "), HasSubstr("no attempts left")));
  EXPECT_EQ(report_.attempts, 4);
  EXPECT_EQ(lookups(), 4);
}

TEST_F(RetryTest, MakesMoreThanFiveAttemptsWhenAskedTo) {
  throttling_.max_tokens = 1000;
  MakePool({"a"});
  options_.retry.max_attempts = 8;
  server("a").lookup_ends = {kUnavailable};
  pool_options_.breaker.enabled = false;
  EXPECT_FALSE(Run().ok());
  EXPECT_EQ(report_.attempts, 8);
}

TEST_F(RetryTest, MakesOneAttemptOnlyWhenAskedTo) {
  MakePool({"a"});
  options_.retry.max_attempts = 1;
  server("a").lookup_ends = {kUnavailable};
  EXPECT_EQ(Run().status(), kUnavailable.status) << "and says nothing of attempts";
  EXPECT_EQ(lookups(), 1);
}

TEST_F(RetryTest, LeavesCodesAloneThatAreNotRetryable) {
  MakePool({"a"});
  for (const auto code : {absl::StatusCode::kInternal, absl::StatusCode::kDeadlineExceeded,
                          absl::StatusCode::kResourceExhausted, absl::StatusCode::kUnauthenticated}) {
    server("a").lookup_ends = {FromServer(code)};
    const int before = lookups();
    EXPECT_EQ(Run().status(), absl::Status(code, "the server's words"));
    EXPECT_EQ(lookups(), before + 1);
  }
}

TEST_F(RetryTest, RetriesAnAttemptThatRanIntoItsOwnBound) {
  MakePool({"a", "b"});
  options_.attempt_timeout = milliseconds(50);
  server("a").lookup_ends = {kTimedOut};
  ASSERT_TRUE(Run().ok());
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(server("a").lookups, 1);
}

TEST_F(RetryTest, DoesNotRetryAReplyThatIsTooLarge) {
  MakePool({"a", "b"});
  for (const char* name : {"a", "b"}) {
    server(name).lookup_ends = {{absl::ResourceExhaustedError("Received message larger than max (5 vs. 4)"),
                                 Phase::kCall, Origin::kLocal}};
  }
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(lookups(), 1);
}

TEST_F(RetryTest, WaitsAsLongAsTheServerSays) {
  MakePool({"a"});
  server("a").lookup_ends = {FromServer(absl::StatusCode::kResourceExhausted, milliseconds(80)), kAnswer};
  ASSERT_TRUE(Run().ok());
  ASSERT_EQ(report_.history.size(), 2U);
  EXPECT_GE(report_.history[1].started - report_.history[0].elapsed, milliseconds(80));
  EXPECT_EQ(report_.retry_after, std::nullopt) << "it was waited for";
}

TEST_F(RetryTest, ObeysAServerThatForbidsRetries) {
  MakePool({"a", "b"});
  for (const char* name : {"a", "b"}) {
    server(name).lookup_ends = {FromServer(absl::StatusCode::kUnavailable, milliseconds(-1))};
  }
  EXPECT_THAT(std::string(Run().status().message()), HasSubstr("asked not to retry"));
  EXPECT_EQ(lookups(), 1);
  EXPECT_EQ(report_.retry_after, std::nullopt);
}

TEST_F(RetryTest, FailsAtOnceWhenThePauseWouldReachPastTheDeadline) {
  MakePool({"a"});
  options_.total_timeout = seconds(60);
  server("a").lookup_ends = {FromServer(absl::StatusCode::kUnavailable, milliseconds(600000))};
  const Clock::time_point before = Clock::now();
  const absl::Status status = Run().status();
  EXPECT_LT(Clock::now() - before, seconds(30));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("deadline"));
  EXPECT_EQ(report_.retry_after, milliseconds(600000));
}

TEST_F(RetryTest, SpendsItsBudgetAndThenFailsAtOnce) {
  pool_options_.breaker.enabled = false;
  MakePool({"a"});
  server("a").lookup_ends = {kUnavailable};
  constexpr int kCalls = 50;
  for (int i = 0; i < kCalls; ++i) EXPECT_FALSE(Run().ok());
  EXPECT_LE(lookups(), kCalls + 4);
  EXPECT_GT(lookups(), kCalls) << "some were retried";
  EXPECT_EQ(report_.attempts, 1);
}

TEST_F(RetryTest, FeedsTheBreakerWhichThenSparesTheEndpoint) {
  throttling_.max_tokens = 1000;
  MakePool({"a", "b"});
  server("a").lookup_ends = {kUnavailable};
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(Run().ok());
  EXPECT_EQ(server("a").lookups, 10) << "as many as it takes to open its breaker";
  EXPECT_GT(report_.breaker_refusals, 0);
}

TEST_F(RetryTest, KeepsTheServersErrorWhenTheBreakersOpenBetweenAttempts) {
  throttling_.max_tokens = 1000;
  options_.retry.max_attempts = 50;
  MakePool({"a"});
  server("a").lookup_ends = {kUnavailable};
  EXPECT_EQ(Run().status(), kUnavailable.status);
  EXPECT_EQ(report_.attempts, 10);
  EXPECT_THAT(std::string(Run().status().message()), StartsWith("circuit breaker open for a (last error: "));
  EXPECT_EQ(report_.attempts, 0);
  EXPECT_EQ(report_.breaker_refusals, 1);
}

class HedgeTest : public LookupCallTest {
 protected:
  HedgeTest() {
    options_.hedging.mode = HedgingMode::kFixed;
    options_.hedging.delay = milliseconds(2);
    options_.hedging.max_ratio = 1;
  }
};

TEST_F(HedgeTest, AsksAnotherEndpointWhenOneIsSlowAndTakesTheFirstAnswer) {
  MakePool({"a", "b"});
  server("a").lookup_hangs = true;
  int hedged = 0;
  for (int i = 0; i < 6; ++i) {
    const auto status = Run();
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(report_.endpoint, "b");
    hedged += report_.hedges;
    if (report_.hedges == 0) continue;
    ASSERT_EQ(report_.history.size(), 2U);
    EXPECT_FALSE(report_.history[0].hedge);
    EXPECT_EQ(report_.history[0].status.code(), absl::StatusCode::kCancelled);
    EXPECT_TRUE(report_.history[1].hedge);
    EXPECT_GE(report_.history[1].started, milliseconds(2));
  }
  EXPECT_GT(hedged, 0);
  const std::vector<EndpointStatus> endpoints = environment_->pool->Describe(Clock::now());
  EXPECT_EQ(endpoints[0].failures, 0U) << "a loser is no failure";
  EXPECT_EQ(endpoints[0].latency, std::nullopt) << "nor a measurement";
  EXPECT_EQ(endpoints[0].in_flight, 0U);
}

TEST_F(HedgeTest, DoesNotHedgeOnTheSameEndpoint) {
  MakePool({"a"});
  options_.total_timeout = milliseconds(50);
  server("a").lookup_hangs = true;
  Post(loop_, [&] {});
  EndOfCall handler;
  LookupCall call(*environment_, loop_, options_, "c", handler);
  call.Start(true);
  std::thread canceller([&] { call.Cancel(); });
  loop_.RunUntil(handler.done);
  canceller.join();
  EXPECT_EQ(call.report().hedges, 0);
}

TEST_F(HedgeTest, EndsWithAnErrorThatIsFinalAndCancelsTheOther) {
  MakePool({"a", "b"});
  server("a").lookup_hangs = true;
  server("b").lookup_ends = {FromServer(absl::StatusCode::kPermissionDenied)};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Run().status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(HedgeTest, GoesOnWithTheOtherWhenOneFailsInAWayThatMayPass) {
  throttling_.max_tokens = 1000;
  MakePool({"a", "b", "c"});
  options_.hedging.max_hedges = 2;
  server("a").lookup_hangs = true;
  server("b").lookup_ends = {kUnavailable};
  // Three, with two hedges each at most, as many as the hedge budget holds at first.
  for (int i = 0; i < 3; ++i) {
    const auto status = Run();
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(report_.endpoint, "c");
  }
}

TEST_F(HedgeTest, IsBoundedByItsShareOfAllCalls) {
  MakePool({"a", "b"});
  options_.hedging.max_ratio = 0.1;
  options_.hedging.delay = milliseconds(0);
  options_.total_timeout = milliseconds(10);
  options_.retry.max_attempts = 2;
  server("a").lookup_hangs = true;
  server("b").lookup_hangs = true;
  int hedges = 0;
  for (int i = 0; i < 60; ++i) {
    EndOfCall handler;
    LookupCall call(*environment_, loop_, options_, "c", handler);
    call.Start(true);
    // Both endpoints hang: the hedge, if any, is sent before the next turn's cancellation.
    Settle(loop_);
    call.Cancel();
    loop_.RunUntil(handler.done);
    hedges += call.report().hedges;
  }
  EXPECT_GT(hedges, 0);
  EXPECT_LE(hedges, 3 + 6);
}

TEST_F(HedgeTest, StartsOnTheLoopsThreadWhenCalledFromAnother) {
  MakePool({"a", "b"});
  server("a").lookup_hangs = true;
  for (int i = 0; i < 4; ++i) {
    EndOfCall handler;
    LookupCall call(*environment_, loop_, options_, "courier-1", handler);
    std::thread caller([&] { call.Start(/*on_loop=*/false); });
    loop_.RunUntil(handler.done);
    caller.join();
    EXPECT_TRUE(call.result().ok());
  }
}

class FallbackTest : public LookupCallTest {
 protected:
  FallbackTest() { options_.stale_if_error = seconds(60); }
};

TEST_F(FallbackTest, AnswersWithWhatWasKnownWhenNoAnswerIsToBeHad) {
  MakePool({"a"});
  options_.retry.max_attempts = 1;
  ASSERT_TRUE(Run("courier-1").ok());
  EXPECT_FALSE(report_.stale);
  server("a").lookup_ends = {kUnavailable};
  const auto stale = Run("courier-1");
  ASSERT_TRUE(stale.ok()) << stale.status();
  EXPECT_EQ(stale->courier_id, "courier-1");
  EXPECT_TRUE(report_.stale);
  EXPECT_EQ(report_.stale_error, kUnavailable.status);
  EXPECT_GE(report_.stale_age.count(), 0);
  EXPECT_EQ(Run("courier-2").status(), kUnavailable.status) << "of this one nothing is known";
  EXPECT_FALSE(report_.stale);
}

TEST_F(FallbackTest, NeverHidesAnAnswerThatTheServerGave) {
  MakePool({"a"});
  ASSERT_TRUE(Run("courier-1").ok());
  for (const auto code :
       {absl::StatusCode::kPermissionDenied, absl::StatusCode::kInternal, absl::StatusCode::kNotFound}) {
    server("a").lookup_ends = {FromServer(code)};
    EXPECT_EQ(Run("courier-1").status().code(), code);
  }
  server("a").lookup_ends = {kUnavailable};
  EXPECT_FALSE(Run("courier-1").ok()) << "that the courier is gone was an answer too";
}

TEST_F(FallbackTest, IsOffUnlessAskedFor) {
  MakePool({"a"});
  options_.stale_if_error.reset();
  options_.retry.max_attempts = 1;
  ASSERT_TRUE(Run("courier-1").ok());
  options_.stale_if_error = seconds(60);
  server("a").lookup_ends = {kUnavailable};
  EXPECT_FALSE(Run("courier-1").ok());
}

class CancelTest : public LookupCallTest {
 protected:
  // Cancels from another thread at any moment after the start.
  absl::StatusCode CancelWhileRunning() {
    EndOfCall handler;
    LookupCall call(*environment_, loop_, options_, "c", handler);
    call.Start(true);
    std::thread canceller([&] { call.Cancel(); });
    loop_.RunUntil(handler.done);
    canceller.join();
    EXPECT_EQ(environment_->in_flight.load(), 0U);
    return call.result().status().code();
  }
};

TEST_F(CancelTest, ReachesACallThatHasNotStarted) {
  MakePool({"a"});
  EndOfCall handler;
  LookupCall call(*environment_, loop_, options_, "c", handler);
  call.Cancel();
  call.Start(true);
  EXPECT_TRUE(handler.done);
  EXPECT_EQ(call.result().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(lookups(), 0);
}

TEST_F(CancelTest, ReachesAnAttempt) {
  MakePool({"a"});
  server("a").lookup_hangs = true;
  EXPECT_EQ(CancelWhileRunning(), absl::StatusCode::kCancelled);
}

TEST_F(CancelTest, ReachesACallThatWaitsForItsTarget) {
  MakePool({}, std::make_unique<NeverResolves>());
  EXPECT_EQ(CancelWhileRunning(), absl::StatusCode::kCancelled);
}

TEST_F(CancelTest, ReachesAPauseBetweenAttempts) {
  MakePool({"a"});
  options_.total_timeout = seconds(3600);
  server("a").lookup_ends = {FromServer(absl::StatusCode::kUnavailable, milliseconds(600000))};
  EXPECT_EQ(CancelWhileRunning(), absl::StatusCode::kCancelled);
}

TEST_F(CancelTest, ReachesEveryHedge) {
  MakePool({"a", "b", "c"});
  options_.hedging = {.mode = HedgingMode::kFixed, .delay = milliseconds(0), .max_hedges = 2, .max_ratio = 1};
  for (const char* name : {"a", "b", "c"}) server(name).lookup_hangs = true;
  EXPECT_EQ(CancelWhileRunning(), absl::StatusCode::kCancelled);
}

class LookupWithTokenTest : public LookupCallTest {
 protected:
  LookupWithTokenTest() {
    Write("one");
    MakePool({"a"});
  }

  void Write(std::string_view token) const { std::ofstream(path_) << token; }

  // The pool's lookups carry what is in the file; it is read again only when the server refuses that.
  void UseToken() {
    auto file = TokenFile::Open(path_, nullptr, Clock::now() + std::chrono::hours(1));
    ASSERT_TRUE(file.ok()) << file.status();
    environment_->token = *std::move(file);
  }

  // The server takes this token only.
  void Accept(const std::string& name, const std::string& token) {
    server(name).accepted_authorization = "Bearer " + token;
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/token";
};

TEST_F(LookupWithTokenTest, CarriesIt) {
  UseToken();
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(server("a").authorizations, ElementsAre("Bearer one"));
}

TEST_F(LookupWithTokenTest, CallsOwnAuthorizationTakesItsPlace) {
  UseToken();
  options_.metadata = {{"authorization", "Basic xyz"}};
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(server("a").authorizations, ElementsAre(""));
}

TEST_F(LookupWithTokenTest, F27IsMadeOnceMoreWithTheTokenThatTheFileHoldsByNow) {
  UseToken();
  Accept("a", "two");
  Write("two");
  options_.retry.max_attempts = 1;
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(server("a").authorizations, ElementsAre("Bearer one", "Bearer two"));
  EXPECT_EQ(report_.attempts, 2);
}

TEST_F(LookupWithTokenTest, F27EndsAtOnceWhenTheFileHasNoOther) {
  UseToken();
  Accept("a", "two");
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(report_.attempts, 1);
  EXPECT_FALSE(report_.retryable);
}

TEST_F(LookupWithTokenTest, F27EndsWhenTheOtherTokenIsRefusedToo) {
  UseToken();
  Accept("a", "three");
  Write("two");
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(server("a").authorizations, ElementsAre("Bearer one", "Bearer two"));
}

TEST_F(LookupWithTokenTest, IsNotSentWhereOthersCouldReadIt) {
  UseToken();
  server("a").confidential = false;
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(path_), HasSubstr("plaintext")));
  EXPECT_EQ(report_.phase, Phase::kArguments);
  EXPECT_EQ(report_.attempts, 0);
  EXPECT_EQ(lookups(), 0);
}

}  // namespace
}  // namespace dispatchctl::internal
