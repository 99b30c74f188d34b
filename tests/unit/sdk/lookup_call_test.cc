#include "call/lookup_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "fake_transport.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class Handler final : public LookupCallHandler {
 public:
  void OnCallDone(LookupCall&) override { done = true; }
  bool done = false;
};

class NeverResolves final : public Resolver {
 public:
  void Resolve(Callback) override {}
};

class LookupCallTest : public testing::Test {
 protected:
  FakeServer& server(const std::string& name) { return (*servers_)[name]; }

  void MakePool(const std::vector<std::string>& names, std::unique_ptr<Resolver> resolver = nullptr) {
    Target target;
    if (resolver != nullptr) target.names = {{"example", 1}};
    for (const std::string& name : names) target.addresses.push_back({{"ipv4:" + name, name}, name});
    pool_ = std::make_unique<EndpointPool>(std::move(target), std::move(resolver),
                                           std::make_unique<FakeChannelFactory>(servers_));
  }

  absl::StatusOr<CourierStatus> Run(std::string_view courier_id) {
    Handler handler;
    LookupCall call(*pool_, loop_, options_, defaults_, courier_id, handler);
    call.Start();
    loop_.RunUntil(handler.done);
    report_ = call.report();
    return std::move(call.result());
  }

  std::shared_ptr<FakeServers> servers_ = std::make_shared<FakeServers>();
  EventLoop loop_;
  EffectiveOptions options_;
  Metadata defaults_;
  std::unique_ptr<EndpointPool> pool_;
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
  EXPECT_THAT(report_.history, IsEmpty());
}

TEST_F(LookupCallTest, SendsNothingForAnUnusableId) {
  MakePool({"a"});
  EXPECT_EQ(Run("").status(), absl::InvalidArgumentError("courier_id is empty"));
  EXPECT_EQ(report_.phase, Phase::kArguments);
  EXPECT_EQ(report_.attempts, 0);
  EXPECT_EQ(server("a").lookups, 0);
}

TEST_F(LookupCallTest, AsksAnotherEndpointWhenOneCannotBeReached) {
  MakePool({"a", "b"});
  server("a").lookup_ends = {Refused("a")};
  const auto status = Run("courier-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(report_.attempts, 2);
  EXPECT_EQ(report_.endpoint, "b");
  ASSERT_EQ(report_.history.size(), 1U);
  EXPECT_EQ(report_.history[0].endpoint, "a");
  EXPECT_THAT(std::string(report_.history[0].status.message()), HasSubstr("refused"));
}

TEST_F(LookupCallTest, KeepsTheLastCauseWhenNoneCanBeReached) {
  MakePool({"a", "b"});
  server("a").lookup_ends = {Refused("a")};
  server("b").lookup_ends = {Refused("b")};
  EXPECT_EQ(Run("courier-1").status(), Refused("b").status);
  EXPECT_EQ(report_.phase, Phase::kConnect);
  EXPECT_EQ(report_.attempts, 2);
  EXPECT_TRUE(report_.retryable);
}

TEST_F(LookupCallTest, DoesNotAskAnotherEndpointOnceTheRequestMayHaveBeenSent) {
  MakePool({"a", "b"});
  server("a").lookup_ends = {{absl::UnavailableError("Socket closed"), Phase::kCall, Origin::kLocal}};
  EXPECT_EQ(Run("courier-1").status(), absl::UnavailableError("Socket closed"));
  EXPECT_EQ(server("b").lookups, 0);
}

TEST_F(LookupCallTest, PassesTheServersAnswerOn) {
  MakePool({"a"});
  server("a").lookup_ends = {{absl::NotFoundError("courier x not found"), Phase::kCall, Origin::kServer}};
  EXPECT_EQ(Run("x").status(), absl::NotFoundError("courier x not found"));
  EXPECT_EQ(report_.origin, Origin::kServer);
  EXPECT_FALSE(report_.retryable);
}

TEST_F(LookupCallTest, GivesAnAttemptTheLesserOfItsTimeoutAndWhatIsLeft) {
  MakePool({"a"});
  options_.total_timeout = seconds(30);
  options_.attempt_timeout = seconds(5);
  Clock::time_point before = Clock::now();
  ASSERT_TRUE(Run("courier-1").ok());
  EXPECT_GE(*server("a").last_deadline, before + seconds(5));
  EXPECT_LT(*server("a").last_deadline, before + seconds(20));

  options_.total_timeout = seconds(2);
  before = Clock::now();
  ASSERT_TRUE(Run("courier-1").ok());
  EXPECT_LT(*server("a").last_deadline, before + seconds(4));
}

TEST_F(LookupCallTest, SendsTheClientsMetadataAndTheCalls) {
  MakePool({"a"});
  defaults_ = {{"x-client", "1"}};
  options_.metadata = {{"x-call", "2"}};
  ASSERT_TRUE(Run("courier-1").ok());
  EXPECT_THAT(server("a").last_metadata, ElementsAre(Pair("x-client", "1"), Pair("x-call", "2")));
}

TEST_F(LookupCallTest, SaysWhereADeadlinePassed) {
  MakePool({"a"});
  const AttemptEnd late{absl::DeadlineExceededError("Deadline Exceeded"), Phase::kCall, Origin::kLocal};
  server("a").lookup_ends = {late};
  EXPECT_THAT(std::string(Run("courier-1").status().message()), HasSubstr("no answer from a within"));
  EXPECT_EQ(report_.phase, Phase::kCall);

  server("a").connectivity = Connectivity::kConnecting;
  EXPECT_THAT(std::string(Run("courier-1").status().message()), HasSubstr("no connection to a within"));
  EXPECT_EQ(report_.phase, Phase::kConnect);
}

TEST_F(LookupCallTest, StopsWaitingForTheResolverAtItsDeadline) {
  MakePool({}, std::make_unique<NeverResolves>());
  options_.total_timeout = milliseconds(20);
  const auto status = Run("courier-1");
  EXPECT_EQ(status.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(report_.phase, Phase::kResolve);
  EXPECT_EQ(report_.attempts, 0);
}

TEST_F(LookupCallTest, CanBeCancelledInEveryPhase) {
  const auto cancelled_code = [&](LookupCall& call, Handler& handler, bool before_start) {
    if (before_start) call.Cancel();
    call.Start();
    std::thread canceller;
    if (!before_start) canceller = std::thread([&] { call.Cancel(); });
    loop_.RunUntil(handler.done);
    if (canceller.joinable()) canceller.join();
    return call.result().status().code();
  };
  {
    MakePool({"a"});
    server("a").lookup_hangs = true;
    Handler handler;
    LookupCall call(*pool_, loop_, options_, defaults_, "c", handler);
    EXPECT_EQ(cancelled_code(call, handler, false), absl::StatusCode::kCancelled);
  }
  {
    Handler handler;
    LookupCall call(*pool_, loop_, options_, defaults_, "c", handler);
    EXPECT_EQ(cancelled_code(call, handler, true), absl::StatusCode::kCancelled);
  }
  {
    MakePool({}, std::make_unique<NeverResolves>());
    Handler handler;
    LookupCall call(*pool_, loop_, options_, defaults_, "c", handler);
    EXPECT_EQ(cancelled_code(call, handler, false), absl::StatusCode::kCancelled);
  }
}

}  // namespace
}  // namespace dispatchctl::internal
