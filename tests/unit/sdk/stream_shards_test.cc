#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <string>

#include "fake_transport.h"
#include "stream/stream_driver.h"

namespace dispatchctl::internal {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kCouriers = 24;

AssignmentUpdate Update(int n) {
  return {"a-" + std::to_string(n), "courier-" + std::to_string(n % kCouriers), "z"};
}

class StreamShardsTest : public testing::Test {
 protected:
  FakeServer& server(const std::string& name) { return (*servers_)[name]; }

  std::unique_ptr<AssignmentStream> Open(const std::vector<std::string>& names, StreamOptions options) {
    auto stream = MakeAssignmentStream(MakeFakeCore(servers_, FakeTarget(names)), std::move(options));
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }

  static StreamOptions Sharded(std::size_t streams) {
    StreamOptions options;
    options.streams = streams;
    options.initial_reconnect_backoff = std::chrono::milliseconds(1);
    options.max_reconnect_backoff = std::chrono::milliseconds(5);
    return options;
  }

  std::set<std::string> CouriersOf(const std::string& name) {
    const std::lock_guard<std::mutex> lock(server(name).mutex);
    std::set<std::string> couriers;
    for (const AssignmentUpdate& update : server(name).updates) couriers.insert(update.courier_id);
    return couriers;
  }

  int StreamsOf(const std::string& name) {
    const std::lock_guard<std::mutex> lock(server(name).mutex);
    return server(name).streams;
  }

  std::shared_ptr<FakeServers> servers_ = std::make_shared<FakeServers>();
};

TEST_F(StreamShardsTest, HaveAnEndpointEachAndCouriersOfTheirOwn) {
  const auto stream = Open({"a", "b", "c"}, Sharded(3));
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(stream->Submit(Update(i)).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  std::size_t couriers = 0;
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(StreamsOf(name), 1) << name;
    EXPECT_THAT(CouriersOf(name), testing::Not(IsEmpty())) << name;
    couriers += CouriersOf(name).size();
  }
  EXPECT_EQ(couriers, static_cast<std::size_t>(kCouriers)) << "a courier went to two endpoints";
  EXPECT_EQ(stream->statistics().acknowledged, 600U);
  EXPECT_EQ(stream->statistics().submitted, 600U);
}

TEST_F(StreamShardsTest, MayBeMoreThanTheEndpoints) {
  const auto stream = Open({"a", "b"}, Sharded(5));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Submit(Update(i)).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(StreamsOf("a") + StreamsOf("b"), 5);
  EXPECT_GE(StreamsOf("a"), 1);
  EXPECT_GE(StreamsOf("b"), 1);
}

TEST_F(StreamShardsTest, KeepEachCouriersOrderThroughLosses) {
  constexpr int kUpdates = 2000;
  server("a").end_stream_after = 70;
  server("b").end_stream_after = 110;
  server("a").stream_end =
      server("b").stream_end = {absl::UnavailableError("Socket closed"), Phase::kStream, Origin::kLocal};
  StreamOptions options = Sharded(4);
  options.window = 32;
  std::map<std::string, std::uint64_t> last;
  std::set<std::uint64_t> tags;
  options.on_result = [&](AssignmentOutcome&& outcome) {
    EXPECT_TRUE(tags.insert(outcome.tag).second) << "two results for " << outcome.tag;
    std::uint64_t& before = last[outcome.update.courier_id];
    EXPECT_GE(outcome.tag, before);
    before = outcome.tag;
  };
  const auto stream = Open({"a", "b", "c"}, std::move(options));
  for (int i = 0; i < kUpdates; ++i) {
    ASSERT_TRUE(stream->Submit(Update(i), static_cast<std::uint64_t>(i)).ok());
  }
  // What is lost while it drains is lost for good only where no endpoint is left.
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_THAT(tags, SizeIs(kUpdates));
  EXPECT_GT(stream->statistics().reconnects, 0U);
}

TEST_F(StreamShardsTest, ShareOneWindow) {
  server("a").answer_updates = server("b").answer_updates = false;
  StreamOptions options = Sharded(2);
  options.window = 10;
  const auto stream = Open({"a", "b"}, std::move(options));
  int accepted = 0;
  for (; accepted < 100; ++accepted) {
    AssignmentUpdate update = Update(accepted);
    if (!stream->TrySubmit(update, 0).ok()) break;
  }
  EXPECT_EQ(accepted, 10);
}

TEST_F(StreamShardsTest, OfAnEndpointThatDoesNotAnswerHoldsUpOnlyItsOwnCouriers) {
  server("a").answer_updates = false;
  std::atomic<int> answered{0};
  StreamOptions options = Sharded(2);
  options.window = 1000;
  options.on_result = [&](AssignmentOutcome&& outcome) {
    EXPECT_EQ(outcome.endpoint, "b");
    answered.fetch_add(1);
    answered.notify_all();
  };
  const auto stream = Open({"a", "b"}, std::move(options));
  constexpr int kUpdates = 960;
  for (int i = 0; i < kUpdates; ++i) ASSERT_TRUE(stream->Submit(Update(i)).ok());
  stream->CloseSubmissions();
  // Each courier has the same number of updates, and at least one is on either side.
  for (int seen = answered.load(); seen < kUpdates / kCouriers; seen = answered.load()) answered.wait(seen);
  stream->Cancel();
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(stream->Unacknowledged().size() + static_cast<std::size_t>(answered.load()),
            static_cast<std::size_t>(kUpdates));
}

TEST_F(StreamShardsTest, AnswerWhatTheyHaveWhenOneEndsForGood) {
  server("a").end_stream_after = 3;
  server("a").stream_end = {absl::PermissionDeniedError("not yours"), Phase::kStream, Origin::kServer};
  std::atomic<int> answered{0};
  int finished = 0;
  CallReport report;
  StreamOptions options = Sharded(2);
  options.on_result = [&](AssignmentOutcome&&) { answered.fetch_add(1); };
  options.on_finished = [&](const absl::Status&, const CallReport& last) {
    ++finished;
    report = last;
  };
  const auto stream = Open({"a", "b"}, std::move(options));
  int accepted = 0;
  while (accepted < 500 && stream->Submit(Update(accepted)).ok()) ++accepted;
  EXPECT_EQ(stream->Finish(), absl::PermissionDeniedError("not yours"));
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(report.endpoint, "a");
  EXPECT_EQ(report.attempts, 2);
  EXPECT_THAT(CouriersOf("b"), testing::Not(IsEmpty()));
  for (const UnacknowledgedAssignment& left : stream->Unacknowledged()) {
    EXPECT_FALSE(CouriersOf("b").contains(left.update.courier_id)) << left.update.courier_id;
  }
  EXPECT_EQ(static_cast<std::size_t>(answered.load()) + stream->Unacknowledged().size(),
            static_cast<std::size_t>(accepted));
}

TEST_F(StreamShardsTest, MoveToTheEndpointThatIsLeft) {
  server("a").end_stream_after = 5;
  server("a").stream_end = {absl::UnavailableError("Socket closed"), Phase::kStream, Origin::kLocal};
  std::atomic<bool> lost{false};
  StreamOptions options = Sharded(2);
  options.on_result = [&](AssignmentOutcome&& outcome) {
    if (outcome.endpoint != "a" || lost.exchange(true)) return;
    const std::lock_guard<std::mutex> lock(server("a").mutex);
    server("a").stream_refusal = Refused("a");
  };
  const auto stream = Open({"a", "b"}, std::move(options));
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(stream->Submit(Update(i)).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_TRUE(lost.load());
  EXPECT_THAT(CouriersOf("b"), SizeIs(kCouriers));
}

TEST_F(StreamShardsTest, MayBeDestroyedInsideACallback) {
  std::unique_ptr<AssignmentStream> stream;
  std::atomic<bool> destroyed{false};
  StreamOptions options = Sharded(3);
  options.on_result = [&](AssignmentOutcome&&) {
    stream.reset();
    destroyed.store(true);
    destroyed.notify_all();
  };
  stream = Open({"a", "b"}, std::move(options));
  AssignmentUpdate update = Update(1);
  ASSERT_TRUE(stream->TrySubmit(update, 0).ok());
  destroyed.wait(false);
}

TEST_F(StreamShardsTest, AreOneToSixtyFour) {
  for (const std::size_t streams : {std::size_t{0}, std::size_t{65}}) {
    const absl::Status status =
        MakeAssignmentStream(MakeFakeCore(servers_, FakeTarget({"a"})), Sharded(streams)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("streams is not between 1 and 64"));
  }
}

}  // namespace
}  // namespace dispatchctl::internal
