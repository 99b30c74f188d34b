#include "call/health_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "fake_transport.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class SilentResolver final : public Resolver {
 public:
  explicit SilentResolver(Listener& listener) : listener_(listener) {}
  void Start(Listener listener) override { listener_ = std::move(listener); }
  void ResolveSoon() override {}

 private:
  Listener& listener_;
};

Target NamedTarget() {
  Target target;
  target.names.push_back({.host = "name", .port = 1});
  return target;
}

class HealthChecksTest : public testing::Test {
 protected:
  HealthChecksTest() : environment_(Metadata{}, RetryThrottling{}, 1) {}
  ~HealthChecksTest() override {
    environment_.pool->Stop();
    Settle(loop_);
  }

  FakeServer& server(const std::string& name) { return (*servers_)[name]; }

  void Make(Target target, std::unique_ptr<Resolver> resolver = nullptr) {
    environment_.pool = EndpointPool::Make(std::move(target), std::move(resolver),
                                           std::make_unique<FakeChannelFactory>(servers_), {},
                                           [this]() -> EventLoop& { return loop_; });
  }

  absl::StatusOr<std::vector<EndpointHealth>> Ask(const HealthOptions& options = {}) {
    return HealthChecks(environment_, loop_, options).Run();
  }

  const std::shared_ptr<FakeServers> servers_ = std::make_shared<FakeServers>();
  EventLoop loop_;
  LookupEnvironment environment_;
};

TEST_F(HealthChecksTest, AskEveryEndpointAndKeepTheOrderOfTheTarget) {
  server("b").health = ServingStatus::kNotServing;
  server("c").health = absl::UnimplementedError("no such service");
  Make(FakeTarget({"a", "b", "c"}));
  const auto health = Ask({.service = "dispatchpb.DispatchGateway"});
  ASSERT_TRUE(health.ok()) << health.status();
  ASSERT_EQ(health->size(), 3U);
  EXPECT_EQ((*health)[0].report.endpoint, "a");
  EXPECT_EQ((*health)[0].status.value(), ServingStatus::kServing);
  EXPECT_EQ((*health)[1].status.value(), ServingStatus::kNotServing);
  EXPECT_EQ((*health)[2].status.status(), absl::UnimplementedError("no such service"));
  EXPECT_EQ((*health)[2].report.origin, Origin::kServer);
  EXPECT_THAT(server("a").health_services, ElementsAre("dispatchpb.DispatchGateway"));
}

TEST_F(HealthChecksTest, TellsAServiceThatTheServerDoesNotKnow) {
  server("a").health = absl::NotFoundError("unknown service");
  Make(FakeTarget({"a"}));
  const auto health = Ask({.service = "other"});
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_EQ(health->front().status.value(), ServingStatus::kServiceUnknown);
}

TEST_F(HealthChecksTest, EndWhenTheClientIsShutDown) {
  server("a").health.reset();
  Make(FakeTarget({"a"}));
  const HealthOptions options{.timeout = seconds(30)};
  HealthChecks checks(environment_, loop_, options);
  // Nothing answers until it is cancelled.
  std::thread other([&] { checks.Cancel(); });
  const auto health = checks.Run();
  other.join();
  if (health.ok()) {
    EXPECT_EQ(health->front().status.status().code(), absl::StatusCode::kCancelled);
  } else {
    EXPECT_EQ(health.status().code(), absl::StatusCode::kCancelled);
  }
}

TEST_F(HealthChecksTest, WaitForTheNameToBeResolved) {
  Resolver::Listener listener;
  Make(NamedTarget(), std::make_unique<SilentResolver>(listener));
  // The listener is there once the checks have asked for endpoints.
  Post(loop_, [&] { listener(FakeTarget({"a"}).addresses); });
  const auto health = Ask();
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_EQ(health->front().report.endpoint, "a");
}

TEST_F(HealthChecksTest, SayWhyTheNameIsNotResolved) {
  Resolver::Listener listener;
  Make(NamedTarget(), std::make_unique<SilentResolver>(listener));
  Post(loop_, [&] { listener(absl::UnavailableError("name: unknown host")); });
  EXPECT_EQ(Ask().status(), absl::UnavailableError("name: unknown host"));
}

TEST_F(HealthChecksTest, GiveUpResolvingWhenTheTimeIsUp) {
  Resolver::Listener listener;
  Make(NamedTarget(), std::make_unique<SilentResolver>(listener));
  const absl::Status status = Ask({.timeout = milliseconds(20)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("resolved"));
}

}  // namespace
}  // namespace dispatchctl::internal
