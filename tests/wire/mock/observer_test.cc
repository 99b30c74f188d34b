// What an observer is told of calls over the wire.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test_client.h"

namespace dispatchctl::mock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RecordingObserver final : public ServerObserver {
 public:
  struct Call {
    Method method;
    std::size_t listen;
    absl::StatusCode code;
    std::string message;
    std::chrono::nanoseconds duration;
    std::string peer;
    std::string traceparent;
  };

  explicit RecordingObserver(bool asks = true) : asks_(asks) {}

  bool AsksWhoCalls() const override { return asks_; }
  void CallStarted(Method /*method*/, std::size_t /*listen*/) override { Count(started_); }
  void MessageReceived(Method /*method*/, std::size_t /*listen*/) override { Count(received_); }
  void MessageSent(Method /*method*/, std::size_t /*listen*/) override { Count(sent_); }
  void CallEnded(const ObservedCall& call) override {
    const std::lock_guard lock(mutex_);
    ended_.push_back({call.method, call.listen, call.code, std::string(call.message), call.duration,
                      std::string(call.peer), std::string(call.traceparent)});
    changed_.notify_all();
  }
  void AssignmentDecided(const Decision& decision) override {
    const std::lock_guard lock(mutex_);
    decisions_.emplace_back(decision.accepted, decision.replay);
  }
  void FaultMet(FaultKind kind) override {
    const std::lock_guard lock(mutex_);
    faults_.push_back(kind);
  }

  // Waits until so many have ended.
  std::vector<Call> Ended(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kTestDeadline, [&] { return ended_.size() >= count; }));
    return ended_;
  }
  // Waits until so many messages have been received.
  void AwaitReceived(int count) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, kTestDeadline, [&] { return received_ >= count; }));
  }
  int started() { return Get(started_); }
  int received() { return Get(received_); }
  int sent() { return Get(sent_); }
  std::vector<std::pair<bool, bool>> decisions() { return Get(decisions_); }
  std::vector<FaultKind> faults() { return Get(faults_); }

 private:
  void Count(int& counter) {
    const std::lock_guard lock(mutex_);
    ++counter;
    changed_.notify_all();
  }
  template <typename T>
  T Get(const T& value) {
    const std::lock_guard lock(mutex_);
    return value;
  }

  const bool asks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int started_ = 0;
  int received_ = 0;
  int sent_ = 0;
  std::vector<Call> ended_;
  std::vector<std::pair<bool, bool>> decisions_;
  std::vector<FaultKind> faults_;
};

class Observation : public testing::Test {
 protected:
  std::unique_ptr<MockServer> Start(MockServerOptions options = {}) {
    options.observer = observer_;
    return StartServer(std::move(options));
  }

  std::shared_ptr<RecordingObserver> observer_ = std::make_shared<RecordingObserver>();
};

TEST_F(Observation, OfLookupsHasTheirStatusAndTheirTrace) {
  const auto server = Start();
  TestClient client(server->addresses()[0]);
  const auto context = MakeContext();
  context->AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  dispatchpb::CourierLookupRequest request;
  request.set_courier_id("courier-42");
  dispatchpb::CourierStatusReply reply;
  ASSERT_TRUE(client.stub().GetCourierStatus(context.get(), request, &reply).ok());
  EXPECT_EQ(client.Lookup("c-9").error_code(), grpc::NOT_FOUND);

  const auto ended = observer_->Ended(2);
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_EQ(ended[0].method, Method::kLookup);
  EXPECT_EQ(ended[0].code, absl::StatusCode::kOk);
  EXPECT_EQ(ended[0].traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_THAT(ended[0].peer, HasSubstr("127.0.0.1:"));
  EXPECT_GT(ended[0].duration.count(), 0);
  EXPECT_EQ(ended[1].code, absl::StatusCode::kNotFound);
  EXPECT_THAT(ended[1].message, HasSubstr("c-9"));
  EXPECT_THAT(ended[1].traceparent, IsEmpty());
  EXPECT_EQ(observer_->started(), 2);
  EXPECT_EQ(observer_->received(), 2);
  EXPECT_EQ(observer_->sent(), 1) << "an error has no message";
}

// What was counted before the client has its answer is there when it asks.
TEST_F(Observation, IsMadeBeforeTheClientHasTheStatus) {
  const auto server = Start();
  TestClient client(server->addresses()[0]);
  for (std::size_t i = 1; i <= 50; ++i) {
    ASSERT_TRUE(client.Lookup("courier-42").ok());
    ASSERT_EQ(observer_->Ended(0).size(), i);
  }
}

TEST_F(Observation, OfStreamsHasEachMessageAndDecision) {
  const auto server = Start();
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  for (const auto& update : {MakeUpdate("a-1"), MakeUpdate("a-2", "nobody"), MakeUpdate("a-1")}) {
    ASSERT_TRUE(stream.Write(update));
    ASSERT_TRUE(stream.Read(result));
  }
  EXPECT_THAT(observer_->Ended(0), IsEmpty()) << "the stream is open";
  EXPECT_EQ(observer_->started(), 1);
  stream.HalfClose();
  EXPECT_TRUE(stream.Finish().ok());
  const auto ended = observer_->Ended(1);
  EXPECT_EQ(ended[0].method, Method::kAssign);
  EXPECT_EQ(ended[0].code, absl::StatusCode::kOk);
  EXPECT_EQ(observer_->received(), 3);
  EXPECT_EQ(observer_->sent(), 3);
  EXPECT_THAT(observer_->decisions(),
              ElementsAre(std::pair(true, false), std::pair(false, false), std::pair(true, true)));
}

TEST_F(Observation, CallsACallThatItsClientGaveUpCancelled) {
  MockServerOptions options;
  options.latency = kTestDeadline;
  const auto server = Start(std::move(options));
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(client.Lookup("courier-42", nullptr, std::chrono::milliseconds(200)).error_code(),
            grpc::DEADLINE_EXCEEDED);
  EXPECT_EQ(observer_->Ended(1)[0].code, absl::StatusCode::kCancelled);

  {
    TestStream stream(client);
    ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
    // One that is cancelled before may never get here.
    observer_->AwaitReceived(2);
    stream.Cancel();
    EXPECT_EQ(stream.Finish().error_code(), grpc::CANCELLED);
  }
  EXPECT_EQ(observer_->Ended(2)[1].code, absl::StatusCode::kCancelled);
  EXPECT_EQ(observer_->started(), 2);
}

TEST_F(Observation, NamesTheBackendAndTheFaultsMet) {
  MockServerOptions options;
  options.listen = {"127.0.0.1:0", "127.0.0.1:0"};
  options.faults = {"status=UNAVAILABLE,listen=1,first=1"};
  options.metadata_faults = true;
  const auto server = Start(std::move(options));
  TestClient client(server->addresses()[1]);
  EXPECT_EQ(client.Lookup("courier-42").error_code(), grpc::UNAVAILABLE);
  const auto context = MakeContext();
  context->AddMetadata("x-mock-fault", "latency=1ms");
  dispatchpb::CourierLookupRequest request;
  request.set_courier_id("courier-42");
  dispatchpb::CourierStatusReply reply;
  EXPECT_TRUE(client.stub().GetCourierStatus(context.get(), request, &reply).ok());
  const auto ended = observer_->Ended(2);
  EXPECT_EQ(ended[0].listen, 1U);
  EXPECT_EQ(ended[0].code, absl::StatusCode::kUnavailable);
  EXPECT_THAT(observer_->faults(), ElementsAre(FaultKind::kStatus, FaultKind::kLatency));
}

TEST_F(Observation, HasTheFaultsOfScenariosAndConnections) {
  MockServerOptions options;
  options.scenarios = ParseScenarios("scenario lookup\n  expect\n    bad-utf8\n", "play");
  options.faults = {"goaway-after=1000"};
  const auto server = Start(std::move(options));
  TestClient client(server->addresses()[0]);
  EXPECT_FALSE(client.Lookup("courier-42").ok());
  EXPECT_THAT(observer_->faults(), ElementsAre(FaultKind::kGoawayAfter, FaultKind::kBadUtf8));
}

TEST_F(Observation, LeavesOutWhoCallsUnlessAsked) {
  observer_ = std::make_shared<RecordingObserver>(false);
  const auto server = Start();
  TestClient client(server->addresses()[0]);
  ASSERT_TRUE(client.Lookup("courier-42").ok());
  EXPECT_THAT(observer_->Ended(1)[0].peer, IsEmpty());
}

TEST_F(Observation, CountsOpenCallsOutWhenTheServerStops) {
  MockServerOptions options;
  options.faults = {"hang"};
  auto server = Start(std::move(options));
  TestClient client(server->addresses()[0]);
  std::thread caller([&client] { EXPECT_FALSE(client.Lookup("courier-42").ok()); });
  while (server->lookups(0) == 0) std::this_thread::yield();
  server->Shutdown();
  caller.join();
  EXPECT_EQ(observer_->Ended(1)[0].code, absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace dispatchctl::mock
