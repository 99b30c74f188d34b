#include "endpoints/endpoint_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "fake_transport.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
using Outcome = EndpointPool::LookupPick::Outcome;

// Answers when the test says so.
class ManualResolver final : public Resolver {
 public:
  struct Control {
    Listener listener;  // null: not started
    int asked_again = 0;
  };
  explicit ManualResolver(Control& control) : control_(control) {}
  void Start(Listener listener) override { control_.listener = std::move(listener); }
  void ResolveSoon() override { ++control_.asked_again; }

 private:
  Control& control_;
};

class Note final : public Task {
 public:
  explicit Note(bool& told) : told_(told) {}
  void Run() override { told_ = true; }

 private:
  bool& told_;
};

class EndpointPoolTest : public testing::Test {
 protected:
  ~EndpointPoolTest() override {
    if (pool_ != nullptr) pool_->Stop();
    Settle(loop_);
  }

  FakeServer& server(const std::string& name) { return (*servers_)[name]; }

  void Make(Target target, std::unique_ptr<Resolver> resolver = nullptr) {
    pool_ = EndpointPool::Make(std::move(target), std::move(resolver),
                               std::make_unique<FakeChannelFactory>(servers_), options_,
                               [this]() -> EventLoop& { return loop_; });
  }
  void Make(const std::vector<std::string>& names) { Make(FakeTarget(names)); }

  EndpointPool::LookupPick Pick(EndpointPool::LookupRequest request = {}) {
    if (request.now == EndpointPool::Time{}) request.now = now_;
    request.deadline = request.now + seconds(10);
    return pool_->PickForLookup(request);
  }
  std::string Name(const EndpointPool::LookupRequest& request = {}) {
    const EndpointPool::LookupPick pick = Pick(request);
    return pick.endpoint == nullptr ? "none" : pick.endpoint->name();
  }
  std::set<std::string> Names(int picks, const EndpointPool::LookupRequest& request = {}) {
    std::set<std::string> names;
    for (int i = 0; i < picks; ++i) names.insert(Name(request));
    return names;
  }
  std::shared_ptr<Endpoint> Get(const std::string& name) {
    for (int i = 0; i < 100; ++i) {
      EndpointPool::LookupPick pick = Pick();
      if (pick.endpoint != nullptr && pick.endpoint->name() == name) return pick.endpoint;
    }
    return nullptr;
  }
  void Break(Endpoint& endpoint) {
    for (int i = 0; i < 10; ++i) endpoint.breaker().Admit(now_).Done(Verdict::kFailure, now_);
    ASSERT_EQ(endpoint.breaker().Peek(now_), BreakerState::kOpen);
  }
  void Change(const std::string& name, Connectivity state) {
    SetConnectivity(server(name), state);
    Settle(loop_);
  }

  std::shared_ptr<FakeServers> servers_ = std::make_shared<FakeServers>();
  EndpointPoolOptions options_;
  EventLoop loop_;
  const EndpointPool::Time now_ = std::chrono::steady_clock::now();
  std::shared_ptr<EndpointPool> pool_;
};

TEST_F(EndpointPoolTest, GivesEachEndpointItsTurn) {
  Make({"a", "b", "c"});
  std::map<std::string, int> turns;
  for (int i = 0; i < 30; ++i) ++turns[Name()];
  EXPECT_THAT(turns, ElementsAre(testing::Pair("a", 10), testing::Pair("b", 10), testing::Pair("c", 10)));
}

TEST_F(EndpointPoolTest, UsesConnectedEndpointsOnlyAndHearsOfChanges) {
  server("a").connectivity = Connectivity::kTransientFailure;
  server("b").connectivity = Connectivity::kConnecting;
  Make({"a", "b", "c"});
  EXPECT_THAT(Names(10), UnorderedElementsAre("c"));
  Change("b", Connectivity::kReady);
  EXPECT_THAT(Names(10), UnorderedElementsAre("b", "c"));
  Change("c", Connectivity::kTransientFailure);
  EXPECT_THAT(Names(10), UnorderedElementsAre("b"));
  Change("a", Connectivity::kReady);
  Change("c", Connectivity::kReady);
  EXPECT_THAT(Names(10), UnorderedElementsAre("a", "b", "c"));
}

TEST_F(EndpointPoolTest, WaitsWhileAnyIsStillConnectingAndTellsWhenOneIsConnected) {
  server("a").connectivity = Connectivity::kConnecting;
  server("b").connectivity = Connectivity::kTransientFailure;
  Make({"a", "b"});
  const EndpointPool::LookupPick pick = Pick();
  EXPECT_EQ(pick.outcome, Outcome::kWait);
  bool told = false;
  pool_->WhenChanged(pick.version, loop_, std::make_shared<Note>(told));
  Settle(loop_);
  EXPECT_FALSE(told);
  Change("a", Connectivity::kReady);
  EXPECT_TRUE(told);
  EXPECT_EQ(Name(), "a");
}

TEST_F(EndpointPoolTest, DoesNotMissAChangeBetweenThePickAndTheWait) {
  server("a").connectivity = Connectivity::kConnecting;
  server("b").connectivity = Connectivity::kConnecting;
  Make({"a", "b"});
  const EndpointPool::LookupPick pick = Pick();
  Change("a", Connectivity::kReady);
  bool told = false;
  pool_->WhenChanged(pick.version, loop_, std::make_shared<Note>(told));
  Settle(loop_);
  EXPECT_TRUE(told);
}

TEST_F(EndpointPoolTest, TellsWhoWaitsWhoeverSeesTheChangeFirst) {
  server("a").connectivity = Connectivity::kConnecting;
  server("b").connectivity = Connectivity::kConnecting;
  Make({"a", "b"});
  const EndpointPool::LookupPick pick = Pick();
  bool told = false;
  pool_->WhenChanged(pick.version, loop_, std::make_shared<Note>(told));
  {
    // The watch has not heard of it.
    const std::lock_guard<std::mutex> lock(server("a").mutex);
    server("a").connectivity = Connectivity::kReady;
  }
  EXPECT_EQ(pool_->Describe(now_)[0].state, EndpointState::kReady);
  Settle(loop_);
  EXPECT_TRUE(told);
}

TEST_F(EndpointPoolTest, GivesOneThatIsDownWhenAllAreForTheCause) {
  server("a").connectivity = Connectivity::kTransientFailure;
  server("b").connectivity = Connectivity::kTransientFailure;
  Make({"a", "b"});
  EndpointPool::LookupPick first = Pick();
  ASSERT_EQ(first.outcome, Outcome::kPicked);
  const TriedEndpoints tried{first.endpoint};
  EXPECT_NE(Name({.tried = tried}), first.endpoint->name());
  EXPECT_EQ(Pick({.wait_for_ready = true}).outcome, Outcome::kWait);
}

TEST_F(EndpointPoolTest, PrefersEndpointsThatWereNotTried) {
  Make({"a", "b"});
  const TriedEndpoints tried{Get("a")};
  EXPECT_THAT(Names(10, {.tried = tried}), UnorderedElementsAre("b"));
  Change("b", Connectivity::kTransientFailure);
  EXPECT_THAT(Names(10, {.tried = tried}), UnorderedElementsAre("a")) << "better the same again than none";
  EXPECT_EQ(Name({.tried = tried, .untried_only = true}), "none");
}

TEST_F(EndpointPoolTest, OfOneEndpointGivesItAgain) {
  Make({"a"});
  const TriedEndpoints tried{Get("a")};
  EXPECT_EQ(Name({.tried = tried}), "a");
  EXPECT_EQ(Name({.tried = tried, .untried_only = true}), "none");
}

TEST_F(EndpointPoolTest, SkipsAnEndpointWhoseBreakerIsOpenUntilItLetsProbesThrough) {
  Make({"a", "b"});
  const std::shared_ptr<Endpoint> broken = Get("a");
  Break(*broken);
  EXPECT_THAT(Names(10), UnorderedElementsAre("b"));
  EXPECT_EQ(Pick().refusals, 1);
  const EndpointPool::Time later = now_ + seconds(3);
  EXPECT_THAT(Names(10, {.now = later}), UnorderedElementsAre("a", "b"));
}

TEST_F(EndpointPoolTest, FailsFastWithTheReasonWhenAllBreakersAreOpen) {
  Make({"a", "b"});
  for (const char* name : {"a", "b"}) {
    const std::shared_ptr<Endpoint> endpoint = Get(name);
    endpoint->OnAttemptStarted();
    endpoint->OnAttemptDone({.verdict = Verdict::kFailure, .status = absl::InternalError("disk on fire")});
    Break(*endpoint);
  }
  const EndpointPool::LookupPick pick = Pick();
  EXPECT_EQ(pick.outcome, Outcome::kNone);
  EXPECT_EQ(pick.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(pick.status.message()),
              testing::AllOf(HasSubstr("a (last error: disk on fire)"), HasSubstr("b (last error")));
  EXPECT_EQ(pick.phase, Phase::kCall);
}

TEST_F(EndpointPoolTest, OfOneEndpointSaysThatItsBreakerIsOpen) {
  Make({"a"});
  Break(*Get("a"));
  const EndpointPool::LookupPick pick = Pick();
  EXPECT_EQ(pick.outcome, Outcome::kNone);
  EXPECT_EQ(pick.status, absl::UnavailableError("circuit breaker open for a"));
  EXPECT_EQ(pick.refusals, 1);
}

TEST_F(EndpointPoolTest, HashesACourierToTheSameEndpoint) {
  options_.load_balancing = LoadBalancing::kRingHash;
  Make({"a", "b", "c"});
  for (int courier = 0; courier < 20; ++courier) {
    const std::string key = "courier-" + std::to_string(courier);
    EXPECT_EQ(Names(5, {.key = key}).size(), 1U);
  }
}

TEST_F(EndpointPoolTest, LearnsOfAConnectionLostBeforeTheWatchDoes) {
  Make({"a", "b"});
  const std::shared_ptr<Endpoint> a = Get("a");
  {
    const std::lock_guard<std::mutex> lock(server("a").mutex);
    server("a").connectivity = Connectivity::kTransientFailure;
  }
  pool_->OnConnectFailure(*a);
  EXPECT_THAT(Names(10), UnorderedElementsAre("b"));
  const TriedEndpoints tried{a};
  EXPECT_TRUE(pool_->HasUntried(tried));
  Change("b", Connectivity::kTransientFailure);
  EXPECT_FALSE(pool_->HasUntried(tried));
}

class LostConnectionTest : public EndpointPoolTest {
 protected:
  int connects(const std::string& name) {
    const std::lock_guard<std::mutex> lock(server(name).mutex);
    return server(name).connects;
  }
  std::optional<EndpointPool::Time> watched_until(const std::string& name) {
    const std::lock_guard<std::mutex> lock(server(name).mutex);
    return server(name).watched_until;
  }
};

TEST_F(LostConnectionTest, IsMadeAgainALittleLaterThanItWasLost) {
  Make({"a", "b"});
  ASSERT_NE(Name(), "none");
  const auto before = std::chrono::steady_clock::now();
  Change("a", Connectivity::kIdle);
  const auto after = std::chrono::steady_clock::now();
  EXPECT_THAT(Names(10), UnorderedElementsAre("b")) << "which keeps those that need no connection waiting";
  const auto due = watched_until("a");
  ASSERT_TRUE(due);
  EXPECT_GE(*due, before);
  EXPECT_LE(*due, after + ReconnectSchedule::kSpread);
  while (connects("a") == 0 && std::chrono::steady_clock::now() < after + seconds(30)) {
    Change("a", Connectivity::kIdle);  // what watches it looks again
  }
  EXPECT_EQ(connects("a"), 1);
  EXPECT_GE(std::chrono::steady_clock::now(), *due);
  EXPECT_EQ(watched_until("a"), std::nullopt);
}

TEST_F(LostConnectionTest, IsMadeAtOnceForACallThatHasNoOther) {
  Make({"a", "b"});
  ASSERT_NE(Name(), "none");
  const int before = connects("a") + connects("b");
  Change("a", Connectivity::kIdle);
  Change("b", Connectivity::kIdle);
  EXPECT_EQ(Pick().outcome, Outcome::kWait);
  EXPECT_GE(connects("a") + connects("b"), before + 2);
}

TEST_F(LostConnectionTest, IsMadeAgainAtDifferentTimesByDifferentClients) {
  std::set<EndpointPool::Time::duration> delays;
  for (options_.seed = 1; options_.seed <= 20; ++options_.seed) {
    if (pool_ != nullptr) pool_->Stop();
    SetConnectivity(server("a"), Connectivity::kReady);
    Make({"a", "b"});
    ASSERT_NE(Name(), "none");
    const auto lost = std::chrono::steady_clock::now();
    Change("a", Connectivity::kIdle);
    // Where its time had come by the time it was watched there is none.
    if (const auto due = watched_until("a")) delays.insert(*due - lost);
  }
  ASSERT_GE(delays.size(), 10U);
  EXPECT_GT(*delays.rbegin() - *delays.begin(), ReconnectSchedule::kSpread / 3);
}

class LatencyTest : public EndpointPoolTest {
 protected:
  void Answer(Endpoint& endpoint, milliseconds elapsed, int times = 30) {
    for (int i = 0; i < times; ++i) {
      endpoint.OnAttemptStarted();
      endpoint.OnAttemptDone({.verdict = Verdict::kSuccess, .elapsed = elapsed, .answered = true});
    }
  }
  void Overtake(Endpoint& endpoint, int times) {
    for (int i = 0; i < times; ++i) {
      endpoint.OnAttemptStarted();
      endpoint.OnAttemptDone({.status = absl::CancelledError("needless"), .overtaken = true});
    }
  }
  // All of them answer within 5 ms.
  void MakeUsual() {
    Make({"a", "b", "c"});
    for (const char* name : {"a", "b", "c"}) Answer(*Get(name), milliseconds(5));
    ASSERT_TRUE(pool_->UsualLatency(now_).has_value());
  }
};

TEST_F(LatencyTest, TakesWhatMostEndpointsNeedForTheMeasure) {
  Make({"a", "b", "c"});
  EXPECT_EQ(pool_->UsualLatency(now_), std::nullopt);
  Answer(*Get("a"), milliseconds(5));
  Answer(*Get("b"), milliseconds(6));
  Answer(*Get("c"), milliseconds(500));
  const auto usual = pool_->UsualLatency(now_ + seconds(1));
  ASSERT_TRUE(usual.has_value());
  EXPECT_GT(*usual, milliseconds(4));
  EXPECT_LT(*usual, milliseconds(8));
}

TEST_F(LatencyTest, OfAPairTakesTheFasterOneForTheMeasure) {
  Make({"a", "b"});
  Answer(*Get("a"), milliseconds(5));
  Answer(*Get("b"), milliseconds(500));
  EXPECT_LT(pool_->UsualLatency(now_).value_or(seconds(1)), milliseconds(8));
}

TEST_F(LatencyTest, FindsAnEndpointSlowAfterAFewSlowAnswersInExcess) {
  MakeUsual();
  const std::shared_ptr<Endpoint> c = Get("c");
  for (int i = 0; i < 10; ++i) {
    Answer(*c, milliseconds(500), 1);
    Answer(*c, milliseconds(5), 1);
  }
  EXPECT_FALSE(c->slow()) << "as many fast ones";
  Answer(*c, milliseconds(500), 4);
  EXPECT_FALSE(c->slow());
  Answer(*c, milliseconds(500), 1);
  EXPECT_TRUE(c->slow());
}

TEST_F(LatencyTest, FindsAnEndpointSlowWhoseAttemptsAreOvertaken) {
  MakeUsual();
  const std::shared_ptr<Endpoint> c = Get("c");
  Overtake(*c, 4);
  EXPECT_FALSE(c->slow());
  Overtake(*c, 1);
  EXPECT_TRUE(c->slow());
}

TEST_F(LatencyTest, PassesASlowEndpointOverButForProbesUntilItIsFastAgain) {
  MakeUsual();
  const std::shared_ptr<Endpoint> c = Get("c");
  Overtake(*c, 5);
  ASSERT_TRUE(c->slow());
  EXPECT_EQ(Name({.avoid_slow = true}), "c") << "the probe";
  EXPECT_THAT(Names(20, {.avoid_slow = true}), UnorderedElementsAre("a", "b"));
  EXPECT_THAT(Names(20), UnorderedElementsAre("a", "b", "c")) << "calls that do not hedge do not care";
  EXPECT_EQ(Name({.now = now_ + seconds(2), .avoid_slow = true}), "c") << "the next probe";
  Answer(*c, milliseconds(4), 2);
  EXPECT_TRUE(c->slow());
  Answer(*c, milliseconds(400), 1);
  Answer(*c, milliseconds(4), 2);
  EXPECT_TRUE(c->slow()) << "not three in a row";
  Answer(*c, milliseconds(4), 1);
  EXPECT_FALSE(c->slow());
  EXPECT_THAT(Names(20, {.avoid_slow = true}), UnorderedElementsAre("a", "b", "c"));
}

TEST_F(LatencyTest, UsesSlowEndpointsWhenNoOtherIsLeft) {
  MakeUsual();
  const std::shared_ptr<Endpoint> c = Get("c");
  Overtake(*c, 5);
  ASSERT_TRUE(c->slow());
  Change("a", Connectivity::kTransientFailure);
  Change("b", Connectivity::kTransientFailure);
  EXPECT_THAT(Names(10, {.avoid_slow = true}), UnorderedElementsAre("c"));
}

TEST_F(EndpointPoolTest, CountsABrokenConnectionOnceHoweverManyAttemptsItTakesAlong) {
  Make({"a"});
  const std::shared_ptr<Endpoint> a = Get("a");
  EXPECT_TRUE(a->CountConnectionLoss(now_ + seconds(1), now_ + seconds(5)));
  EXPECT_FALSE(a->CountConnectionLoss(now_ + seconds(2), now_ + seconds(5)));
  EXPECT_FALSE(a->CountConnectionLoss(now_ + seconds(4), now_ + seconds(6)));
  EXPECT_TRUE(a->CountConnectionLoss(now_ + seconds(7), now_ + seconds(8))) << "a later one";
}

class ResolvingPoolTest : public EndpointPoolTest {
 protected:
  void MakeNamed(const std::vector<std::string>& literals = {}) {
    Target target = FakeTarget(literals);
    target.names = {{"example", 1}};
    Make(std::move(target), std::make_unique<ManualResolver>(control_));
  }
  void Resolve(const std::vector<std::string>& names) {
    control_.listener(FakeTarget(names).addresses);
    Settle(loop_);
  }
  void FailToResolve() {
    control_.listener(absl::UnavailableError("no such host"));
    Settle(loop_);
  }

  ManualResolver::Control control_;
};

TEST_F(ResolvingPoolTest, ResolvesOnTheFirstPickAndTellsWhoWaits) {
  MakeNamed({"literal"});
  EXPECT_EQ(control_.listener, nullptr) << "before the first call nothing is resolved";
  const EndpointPool::LookupPick pick = Pick();
  EXPECT_EQ(pick.outcome, Outcome::kWait);
  EXPECT_EQ(pick.phase, Phase::kResolve);
  bool told = false;
  pool_->WhenChanged(pick.version, loop_, std::make_shared<Note>(told));
  bool stream_told = false;
  EXPECT_TRUE(pool_->PickFor(ChannelUse::kStreams, {}, false).resolving);
  pool_->WhenResolved(loop_, std::make_shared<Note>(stream_told));
  EXPECT_FALSE(told);
  Resolve({"resolved"});
  EXPECT_TRUE(told);
  EXPECT_TRUE(stream_told);
  EXPECT_THAT(Names(10), UnorderedElementsAre("literal", "resolved"));
}

TEST_F(ResolvingPoolTest, TellsNobodyWhoHasStoppedWaiting) {
  class Unexpected final : public Task {
   public:
    void Run() override { ADD_FAILURE(); }
  };
  MakeNamed();
  const EndpointPool::LookupPick pick = Pick();
  const auto task = std::make_shared<Unexpected>();
  {
    EventLoop gone;
    pool_->WhenChanged(pick.version, gone, task);
    pool_->StopWaiting(task);
  }
  FailToResolve();
}

TEST_F(ResolvingPoolTest, UsesItsLiteralAddressesWhenTheNameFails) {
  MakeNamed({"literal"});
  EXPECT_EQ(Pick().outcome, Outcome::kWait);
  FailToResolve();
  EXPECT_EQ(Name(), "literal");
}

TEST_F(ResolvingPoolTest, TellsTheErrorWhenNothingIsKnownAndAsksAgain) {
  MakeNamed();
  EXPECT_EQ(Pick().outcome, Outcome::kWait);
  FailToResolve();
  const EndpointPool::LookupPick pick = Pick();
  EXPECT_EQ(pick.outcome, Outcome::kNone);
  EXPECT_EQ(pick.phase, Phase::kResolve);
  EXPECT_EQ(pick.status, absl::UnavailableError("no such host"));
  EXPECT_EQ(control_.asked_again, 1);
  EXPECT_EQ(Pick({.wait_for_ready = true}).outcome, Outcome::kWait);
  EXPECT_EQ(pool_->PickFor(ChannelUse::kStreams, {}, true).status, absl::UnavailableError("no such host"));
  Resolve({"a"});
  EXPECT_EQ(Name(), "a");
}

TEST_F(ResolvingPoolTest, KeepsWhatItKnowsThroughAFailure) {
  MakeNamed();
  Pick();
  Resolve({"a", "b"});
  FailToResolve();
  EXPECT_THAT(Names(10), UnorderedElementsAre("a", "b"));
}

TEST_F(ResolvingPoolTest, FollowsTheNameAndKeepsTheEndpointsThatStay) {
  MakeNamed();
  Pick();
  Resolve({"a", "b"});
  const std::shared_ptr<Endpoint> b = Get("b");
  std::shared_ptr<Endpoint> a = Get("a");
  Resolve({"c", "b"});
  EXPECT_THAT(Names(10), UnorderedElementsAre("b", "c"));
  EXPECT_EQ(Get("b"), b) << "with its connection, breaker and statistics";
  // An attempt on one that has gone goes on.
  EXPECT_EQ(a->channel(ChannelUse::kLookups).state(false), Connectivity::kReady);
  EXPECT_EQ(server("a").channels.size(), 1U);
  a.reset();
  EXPECT_TRUE(server("a").channels.empty()) << "and its connection ends with it";
  Settle(loop_);
}

TEST_F(ResolvingPoolTest, WaitsForNewEndpointsOnlyWhenNoneOfTheOldIsLeft) {
  server("c").connectivity = Connectivity::kConnecting;
  server("d").connectivity = Connectivity::kConnecting;
  MakeNamed();
  Pick();
  Resolve({"a", "b"});
  EXPECT_NE(Name(), "none");
  Resolve({"b", "c"});
  EXPECT_THAT(Names(10), UnorderedElementsAre("b"));
  Resolve({"c", "d"});
  EXPECT_EQ(Pick().outcome, Outcome::kWait);
  Change("d", Connectivity::kReady);
  EXPECT_THAT(Names(10), UnorderedElementsAre("d"));
}

TEST_F(ResolvingPoolTest, ResolvesAgainWhenAnEndpointFails) {
  MakeNamed();
  Pick();
  Resolve({"a", "b"});
  Name();
  EXPECT_EQ(control_.asked_again, 0);
  Change("a", Connectivity::kTransientFailure);
  EXPECT_EQ(control_.asked_again, 1);
}

TEST_F(ResolvingPoolTest, DescribesItsEndpoints) {
  MakeNamed();
  EXPECT_THAT(pool_->Describe(now_), testing::IsEmpty());
  server("b").connectivity = Connectivity::kTransientFailure;
  Resolve({"a", "b"});
  const std::shared_ptr<Endpoint> a = Get("a");
  a->OnAttemptStarted();
  a->OnAttemptStarted();
  a->OnAttemptDone({.verdict = Verdict::kSuccess, .elapsed = milliseconds(5), .answered = true});
  const std::vector<EndpointStatus> endpoints = pool_->Describe(now_);
  ASSERT_EQ(endpoints.size(), 2U);
  EXPECT_EQ(endpoints[0].address, "a");
  EXPECT_EQ(endpoints[0].state, EndpointState::kReady);
  EXPECT_EQ(endpoints[0].in_flight, 1U);
  EXPECT_EQ(endpoints[0].successes, 1U);
  ASSERT_TRUE(endpoints[0].latency.has_value());
  EXPECT_EQ(*endpoints[0].latency, milliseconds(5));
  EXPECT_EQ(endpoints[1].state, EndpointState::kTransientFailure);
  EXPECT_EQ(endpoints[1].breaker, BreakerState::kClosed);
}

TEST_F(ResolvingPoolTest, GivesNothingOnceItIsStopped) {
  MakeNamed();
  Pick();
  Resolve({"a"});
  pool_->Stop();
  EXPECT_EQ(Pick().status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(pool_->PickFor(ChannelUse::kStreams, {}, false).status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(pool_->Describe(now_), testing::IsEmpty());
}

}  // namespace
}  // namespace dispatchctl::internal
