#include "endpoints/endpoint_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fake_transport.h"

namespace dispatchctl::internal {
namespace {

using testing::ElementsAre;

// Resolves when the test says so.
class ManualResolver final : public Resolver {
 public:
  explicit ManualResolver(Callback& started) : started_(started) {}
  void Resolve(Callback done) override { started_ = std::move(done); }

 private:
  Callback& started_;
};

Target TargetOf(const std::vector<std::string>& names) {
  Target target;
  for (const std::string& name : names) target.addresses.push_back({{"ipv4:" + name, name}, name});
  return target;
}

class EndpointPoolTest : public testing::Test {
 protected:
  FakeServer& server(const std::string& name) { return (*servers_)[name]; }

  std::unique_ptr<EndpointPool> Pool(const std::vector<std::string>& names) {
    return std::make_unique<EndpointPool>(TargetOf(names), nullptr,
                                          std::make_unique<FakeChannelFactory>(servers_));
  }
  static std::string Name(EndpointPool& pool, const TriedEndpoints& tried = {}) {
    const EndpointPool::Pick pick = pool.PickFor(ChannelUse::kLookups, tried, false);
    return pick.endpoint == nullptr ? "none" : pick.endpoint->name();
  }

  std::shared_ptr<FakeServers> servers_ = std::make_shared<FakeServers>();
};

TEST_F(EndpointPoolTest, GivesEachEndpointItsTurn) {
  const auto pool = Pool({"a", "b", "c"});
  std::vector<std::string> names;
  for (int i = 0; i < 6; ++i) names.push_back(Name(*pool));
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "a", "b", "c"));
}

TEST_F(EndpointPoolTest, PrefersConnectedThenConnectingThenAny) {
  const auto pool = Pool({"a", "b", "c"});
  server("a").connectivity = Connectivity::kTransientFailure;
  server("b").connectivity = Connectivity::kConnecting;
  server("c").connectivity = Connectivity::kReady;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Name(*pool), "c");
  server("c").connectivity = Connectivity::kTransientFailure;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Name(*pool), "b");
  server("b").connectivity = Connectivity::kTransientFailure;
  EXPECT_NE(Name(*pool), "none") << "a failure tells the cause";
}

TEST_F(EndpointPoolTest, LeavesOutWhatWasTried) {
  const auto pool = Pool({"a", "b"});
  TriedEndpoints tried;
  tried.push_back(pool->PickFor(ChannelUse::kLookups, tried, false).endpoint);
  EXPECT_EQ(Name(*pool, tried), tried[0]->name() == "a" ? "b" : "a");
  tried.push_back(pool->PickFor(ChannelUse::kLookups, tried, false).endpoint);
  EXPECT_EQ(Name(*pool, tried), "none");
}

TEST_F(EndpointPoolTest, OfOneEndpointDoesNotTryItTwice) {
  const auto pool = Pool({"a"});
  EXPECT_EQ(Name(*pool), "a");
  const TriedEndpoints tried{pool->PickFor(ChannelUse::kLookups, {}, false).endpoint};
  EXPECT_EQ(Name(*pool, tried), "none");
}

class ResolvingPoolTest : public EndpointPoolTest {
 protected:
  ResolvingPoolTest() {
    Target target = TargetOf({"literal"});
    target.names = {{"example", 1}};
    pool_ = std::make_unique<EndpointPool>(std::move(target), std::make_unique<ManualResolver>(resolve_),
                                           std::make_unique<FakeChannelFactory>(servers_));
  }

  Resolver::Callback resolve_;
  EventLoop loop_;
  std::unique_ptr<EndpointPool> pool_;
};

TEST_F(ResolvingPoolTest, ResolvesOnTheFirstPickAndTellsWhoWaits) {
  EXPECT_EQ(resolve_, nullptr) << "before the first call nothing is resolved";
  EXPECT_TRUE(pool_->PickFor(ChannelUse::kLookups, {}, false).resolving);
  bool told = false;
  pool_->WhenResolved(loop_, [&] {
    class Note final : public Task {
     public:
      explicit Note(bool& note) : note_(note) {}
      void Run() override { note_ = true; }

     private:
      bool& note_;
    };
    return std::make_shared<Note>(told);
  }());
  EXPECT_FALSE(told);
  resolve_({{{{"ipv4:r", "resolved"}, "example:1"}}});
  loop_.RunUntil(told);
  EXPECT_EQ(Name(*pool_), "literal");
  EXPECT_EQ(Name(*pool_), "resolved");
}

TEST_F(ResolvingPoolTest, TellsNobodyWhoHasStoppedWaiting) {
  class Unexpected final : public Task {
   public:
    void Run() override { ADD_FAILURE(); }
  };
  EXPECT_TRUE(pool_->PickFor(ChannelUse::kLookups, {}, false).resolving);
  const auto task = std::make_shared<Unexpected>();
  {
    EventLoop gone;
    pool_->WhenResolved(gone, task);
    pool_->StopWaiting(task);
  }
  resolve_(absl::UnavailableError("no such host"));
}

TEST_F(ResolvingPoolTest, UsesItsLiteralAddressesWhenTheNameFails) {
  EXPECT_TRUE(pool_->PickFor(ChannelUse::kLookups, {}, false).resolving);
  resolve_(absl::UnavailableError("no such host"));
  EXPECT_EQ(Name(*pool_), "literal");
}

TEST_F(EndpointPoolTest, TellsTheErrorToWhoWaitedAndResolvesAnewForOthers) {
  Resolver::Callback resolve;
  Target target;
  target.names = {{"example", 1}};
  EndpointPool pool(std::move(target), std::make_unique<ManualResolver>(resolve),
                    std::make_unique<FakeChannelFactory>(servers_));
  EXPECT_TRUE(pool.PickFor(ChannelUse::kLookups, {}, false).resolving);
  std::exchange(resolve, nullptr)(absl::UnavailableError("no such host"));

  for (int i = 0; i < 2; ++i) {
    const EndpointPool::Pick waited = pool.PickFor(ChannelUse::kLookups, {}, true);
    EXPECT_FALSE(waited.resolving);
    EXPECT_EQ(waited.status, absl::UnavailableError("no such host"));
  }
  EXPECT_EQ(resolve, nullptr);
  EXPECT_TRUE(pool.PickFor(ChannelUse::kLookups, {}, false).resolving);
  EXPECT_NE(resolve, nullptr);
}

}  // namespace
}  // namespace dispatchctl::internal
