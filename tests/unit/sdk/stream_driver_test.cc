#include "stream/stream_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fake_transport.h"

namespace dispatchctl::internal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StreamDriverTest : public testing::Test {
 protected:
  FakeServer& server(const std::string& name) { return (*servers_)[name]; }

  std::unique_ptr<AssignmentStream> Open(const std::vector<std::string>& names, StreamOptions options = {}) {
    auto stream = MakeAssignmentStream(MakeFakeCore(servers_, FakeTarget(names)), std::move(options));
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }

  static AssignmentUpdate Update(int n) { return {"a-" + std::to_string(n), "c-1", "z"}; }

  std::shared_ptr<FakeServers> servers_ = std::make_shared<FakeServers>();
};

TEST_F(StreamDriverTest, AnswersEachUpdateOnce) {
  constexpr int kUpdates = 5000;
  StreamOptions options;
  options.window = 16;
  std::vector<std::uint64_t> tags;
  options.on_result = [&](AssignmentOutcome&& outcome) {
    EXPECT_EQ(outcome.result.assignment_id, outcome.update.assignment_id);
    EXPECT_EQ(outcome.endpoint, "a");
    tags.push_back(outcome.tag);
  };
  const auto stream = Open({"a"}, std::move(options));
  for (int i = 0; i < kUpdates; ++i)
    ASSERT_TRUE(stream->Submit(Update(i), static_cast<std::uint64_t>(i)).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  ASSERT_EQ(tags.size(), static_cast<std::size_t>(kUpdates));
  for (std::size_t i = 0; i < tags.size(); ++i) ASSERT_EQ(tags[i], i);
  EXPECT_EQ(server("a").half_closes, 1);
  EXPECT_EQ(stream->statistics().acknowledged, static_cast<std::uint64_t>(kUpdates));
  EXPECT_THAT(stream->Unacknowledged(), testing::IsEmpty());
}

TEST_F(StreamDriverTest, HandsResultsToNext) {
  const auto stream = Open({"a"});
  ASSERT_TRUE(stream->Submit(Update(1), 11).ok());
  const auto outcome = stream->Next();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->tag, 11U);
  EXPECT_TRUE(outcome->result.accepted);
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_FALSE(stream->Next());
}

TEST_F(StreamDriverTest, HoldsResultsThatNobodyTakesAgainstTheWindow) {
  StreamOptions options;
  options.window = 2;
  std::atomic<int> writable{0};
  options.on_writable = [&] {
    writable.fetch_add(1);
    writable.notify_all();
  };
  const auto stream = Open({"a"}, std::move(options));
  ASSERT_TRUE(stream->Submit(Update(1), 0).ok());
  ASSERT_TRUE(stream->Submit(Update(2), 0).ok());
  AssignmentUpdate third = Update(3);
  EXPECT_EQ(stream->TrySubmit(third, 0).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(third, Update(3)) << "moved from although it was not taken";
  ASSERT_TRUE(stream->Next());
  writable.wait(0);
  EXPECT_TRUE(stream->TrySubmit(third, 0).ok());
}

TEST_F(StreamDriverTest, SaysThatMoreFollowsOnlyWhenItDoes) {
  const auto stream = Open({"a"});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Submit(Update(i), 0).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  ASSERT_EQ(server("a").more.size(), 100U);
  EXPECT_FALSE(server("a").more.back()) << "a last write that is held back never leaves";
}

TEST_F(StreamDriverTest, ListsWhatHasNoResultWhenTheServerEndsEarly) {
  server("a").end_stream_after = 2;
  const auto stream = Open({"a"});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(stream->Submit(Update(i), static_cast<std::uint64_t>(i)).ok());
  const absl::Status status = stream->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("3 assignments unacknowledged"));
  std::vector<std::uint64_t> tags;
  for (const auto& left : stream->Unacknowledged()) tags.push_back(left.tag);
  EXPECT_THAT(tags, ElementsAre(2, 3, 4));
}

TEST_F(StreamDriverTest, KeepsTheServersStatus) {
  server("a").end_stream_after = 1;
  server("a").stream_end = {absl::PermissionDeniedError("no"), Phase::kStream, Origin::kServer};
  CallReport report;
  StreamOptions options;
  options.on_result = [](AssignmentOutcome&&) {};
  options.on_finished = [&](const absl::Status&, const CallReport& finished) { report = finished; };
  const auto stream = Open({"a"}, std::move(options));
  ASSERT_TRUE(stream->Submit(Update(1), 0).ok());
  EXPECT_EQ(stream->Finish(), absl::PermissionDeniedError("no"));
  EXPECT_EQ(report.origin, Origin::kServer);
  EXPECT_FALSE(report.retryable);
}

TEST_F(StreamDriverTest, UsesAnotherEndpointWhenOneCannotBeReached) {
  server("a").stream_refusal = Refused("a");
  const auto stream = Open({"a", "b"});
  ASSERT_TRUE(stream->Submit(Update(1), 0).ok());
  EXPECT_EQ(stream->Next()->endpoint, "b");
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
}

TEST_F(StreamDriverTest, EndsWithTheCauseWhenNoneCanBeReached) {
  server("a").stream_refusal = Refused("a");
  const auto stream = Open({"a"});
  EXPECT_EQ(stream->Finish(), Refused("a").status);
  AssignmentUpdate late = Update(1);
  EXPECT_EQ(stream->TrySubmit(late, 0).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StreamDriverTest, EndsAWaitingSubmitWhenItIsCancelled) {
  server("a").answer_updates = false;
  StreamOptions options;
  options.window = 1;
  const auto stream = Open({"a"}, std::move(options));
  ASSERT_TRUE(stream->Submit(Update(1), 0).ok());
  std::thread canceller([&] { stream->Cancel(); });
  EXPECT_EQ(stream->Submit(Update(2), 0).code(), absl::StatusCode::kFailedPrecondition);
  canceller.join();
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(stream->Unacknowledged().size(), 1U);
}

TEST_F(StreamDriverTest, MayBeDestroyedInsideItsOwnCallback) {
  std::unique_ptr<AssignmentStream> stream;
  std::atomic<bool> destroyed{false};
  StreamOptions options;
  options.on_result = [&](AssignmentOutcome&&) {
    stream.reset();
    destroyed.store(true);
    destroyed.notify_all();
  };
  stream = Open({"a"}, std::move(options));
  AssignmentUpdate update = Update(1);
  ASSERT_TRUE(stream->TrySubmit(update, 0).ok());
  destroyed.wait(false);
}

TEST_F(StreamDriverTest, AcceptsNothingThatItCannotAccountFor) {
  server("a").end_stream_after = 50;
  for (int round = 0; round < 50; ++round) {
    server("a").updates.clear();
    std::atomic<std::uint64_t> answered{0};
    StreamOptions options;
    options.window = 8;
    options.on_result = [&](AssignmentOutcome&&) { answered.fetch_add(1); };
    const auto stream = Open({"a"}, std::move(options));
    std::uint64_t accepted = 0;
    while (stream->Submit(Update(static_cast<int>(accepted)), accepted).ok()) ++accepted;
    stream->Finish().IgnoreError();
    ASSERT_EQ(answered.load() + stream->Unacknowledged().size(), accepted) << round;
    ASSERT_EQ(stream->statistics().submitted, accepted);
  }
}

TEST_F(StreamDriverTest, RefusesOptionsThatMakeNoSense) {
  StreamOptions options;
  options.window = 0;
  auto core = MakeFakeCore(servers_, Target{});
  EXPECT_THAT(std::string(MakeAssignmentStream(core, options).status().message()), HasSubstr("window"));
  options = {};
  options.total_timeout = std::chrono::seconds(0);
  EXPECT_THAT(std::string(MakeAssignmentStream(core, options).status().message()),
              HasSubstr("total_timeout"));
  options = {};
  options.metadata = {{"Bad Key", "v"}};
  EXPECT_EQ(MakeAssignmentStream(core, options).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dispatchctl::internal
