#include "stream/stream_driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "fake_transport.h"
#include "temporary_directory.h"

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

  static StreamOptions Hasty() {
    StreamOptions options;
    options.initial_reconnect_backoff = std::chrono::milliseconds(1);
    options.max_reconnect_backoff = std::chrono::milliseconds(5);
    return options;
  }

  static AttemptEnd Broken() {
    return {absl::UnavailableError("Socket closed"), Phase::kStream, Origin::kLocal};
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
  StreamOptions options;
  options.resume = false;
  const auto stream = Open({"a"}, std::move(options));
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
    options.resume = false;
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

TEST_F(StreamDriverTest, ResumesAfterEveryLossAndAnswersEachUpdateOnce) {
  constexpr int kUpdates = 300;
  server("a").end_stream_after = 7;
  server("a").stream_end = Broken();
  server("b").end_stream_after = 11;  // with OK, though there is more to come
  StreamOptions options = Hasty();
  options.window = 16;
  std::vector<std::uint64_t> tags;
  std::set<std::string> endpoints;
  CallReport report;
  options.on_result = [&](AssignmentOutcome&& outcome) {
    tags.push_back(outcome.tag);
    endpoints.emplace(outcome.endpoint);
  };
  options.on_finished = [&](const absl::Status&, const CallReport& finished) { report = finished; };
  const auto stream = Open({"a", "b"}, std::move(options));
  for (int i = 0; i < kUpdates; ++i)
    ASSERT_TRUE(stream->Submit(Update(i), static_cast<std::uint64_t>(i)).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  ASSERT_EQ(tags.size(), static_cast<std::size_t>(kUpdates));
  for (std::size_t i = 0; i < tags.size(); ++i) ASSERT_EQ(tags[i], i);
  EXPECT_THAT(endpoints, ElementsAre("a", "b"));
  const StreamStatistics statistics = stream->statistics();
  EXPECT_EQ(statistics.acknowledged, static_cast<std::uint64_t>(kUpdates));
  EXPECT_GE(statistics.reconnects, 2U * (kUpdates / 18));
  EXPECT_EQ(static_cast<std::uint64_t>(server("a").streams + server("b").streams), 1 + statistics.reconnects);
  EXPECT_EQ(server("a").updates.size() + server("b").updates.size(), kUpdates + statistics.resent);
  EXPECT_EQ(report.attempts, server("a").streams + server("b").streams);
  EXPECT_LE(report.history.size(), 64U) << "memory grows with each reconnect";
}

TEST_F(StreamDriverTest, ComesBackToTheEndpointItLostWhereThereIsNoOther) {
  server("a").end_stream_after = 1;
  server("a").stream_end = Broken();
  server("b").stream_refusal = Refused("b");
  const auto stream = Open({"a", "b"}, Hasty());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(stream->Submit(Update(i)).ok());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(stream->Next()->endpoint, "a");
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
}

TEST_F(StreamDriverTest, TellsOfEachInterruptionOnceAndOfItsEnd) {
  server("a").end_stream_after = 1;
  server("a").stream_end = Broken();
  server("b").stream_refusal = Refused("b");
  StreamOptions options = Hasty();
  std::vector<bool> resumed;
  options.on_interruption = [&](const StreamInterruption& interruption) {
    resumed.push_back(interruption.resumed);
    EXPECT_EQ(interruption.endpoint, "a");
    EXPECT_EQ(interruption.status.ok(), interruption.resumed);
    EXPECT_LE(interruption.unacknowledged, 5U);
  };
  const auto stream = Open({"a", "b"}, std::move(options));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(stream->Submit(Update(i)).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(stream->Next().has_value());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  ASSERT_GE(resumed.size(), 8U);
  for (std::size_t i = 0; i < resumed.size(); ++i) EXPECT_EQ(resumed[i], i % 2 == 1) << i;
}

TEST_F(StreamDriverTest, TellsOfNoInterruptionBeforeItIsConnectedNorOfItsEnd) {
  server("a").stream_refusal = Refused("a");
  StreamOptions options = Hasty();
  int told = 0;
  options.on_interruption = [&](const StreamInterruption&) { ++told; };
  const auto stream = Open({"a", "b"}, std::move(options));
  ASSERT_TRUE(stream->Submit(Update(1)).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(told, 0);
}

TEST_F(StreamDriverTest, EndsWellWhenOnlyTheServersLastWordIsMissing) {
  server("a").stream_end = Broken();
  const auto stream = Open({"a"}, Hasty());
  ASSERT_TRUE(stream->Submit(Update(1)).ok());
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(stream->statistics().reconnects, 0U);
}

TEST_F(StreamDriverTest, NamesAnUpdateThatBreaksItsServerEachTime) {
  server("a").break_on = "a-2";
  server("a").stream_end = Broken();
  StreamOptions options = Hasty();
  options.poison_limit = 3;
  CallReport report;
  options.on_finished = [&](const absl::Status&, const CallReport& finished) { report = finished; };
  const auto stream = Open({"a"}, std::move(options));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(stream->Submit(Update(i), static_cast<std::uint64_t>(i)).ok());
  const absl::Status status = stream->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("first unacknowledged assignment is \"a-2\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr("Socket closed"));
  EXPECT_EQ(report.phase, Phase::kStream);
  ASSERT_EQ(stream->Unacknowledged().size(), 3U);
  EXPECT_EQ(stream->Unacknowledged().front().tag, 2U);
  EXPECT_EQ(stream->statistics().reconnects, 3U);
}

TEST_F(StreamDriverTest, EndsWithDataLossWhenAResultCannotBeDecodedTwice) {
  server("a").undecodable = "a-1";
  const auto stream = Open({"a"}, Hasty());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream->Submit(Update(i)).ok());
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(stream->statistics().acknowledged, 1U);
  EXPECT_EQ(stream->statistics().undecodable_results, 2U);
  EXPECT_EQ(stream->Unacknowledged().size(), 2U);
}

TEST_F(StreamDriverTest, ReplacesAServerThatFallsSilent) {
  server("a").answer_updates = false;
  StreamOptions options = Hasty();
  options.idle_timeout = std::chrono::milliseconds(20);
  const auto stream = Open({"a", "b"}, std::move(options));
  ASSERT_TRUE(stream->Submit(Update(1)).ok());
  const auto outcome = stream->Next();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->endpoint, "b");
  EXPECT_EQ(outcome->attempt, 2);
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
}

TEST_F(StreamDriverTest, EndsAtOnceWhenItIsCancelledBetweenTwoCalls) {
  server("a").break_on = "a-1";
  server("a").stream_end = Broken();
  StreamOptions options;
  options.initial_reconnect_backoff = std::chrono::hours(1);
  options.max_reconnect_backoff = std::chrono::hours(1);
  options.reconnect_timeout = std::nullopt;
  const auto stream = Open({"a"}, options);
  ASSERT_TRUE(stream->Submit(Update(1)).ok());
  stream->Cancel();
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(stream->Unacknowledged().size(), 1U);
  // And so does its destructor.
  const auto abandoned = Open({"a"}, std::move(options));
  ASSERT_TRUE(abandoned->Submit(Update(1)).ok());
}

TEST_F(StreamDriverTest, WaitsForNoReconnectBeyondItsBounds) {
  server("a").break_on = "a-1";
  server("a").stream_end = Broken();
  for (const bool total : {true, false}) {
    StreamOptions options;
    options.initial_reconnect_backoff = std::chrono::hours(2);
    options.max_reconnect_backoff = std::chrono::hours(2);
    if (total) options.total_timeout = std::chrono::hours(1);
    if (!total) options.reconnect_timeout = std::chrono::hours(1);
    const auto stream = Open({"a"}, std::move(options));
    ASSERT_TRUE(stream->Submit(Update(1)).ok());
    const absl::Status status = stream->Finish();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("not reconnected within 1h; last error: Socket closed"));
  }
}

TEST_F(StreamDriverTest, SaysThatItIsTheStreamThatEndedWhenNoServerIsLeft) {
  server("a").break_on = "a-1";
  server("a").stream_end = Broken();
  server("b").stream_refusal = Refused("b");
  StreamOptions options = Hasty();
  options.reconnect_timeout = std::chrono::milliseconds(20);
  CallReport report;
  options.on_finished = [&](const absl::Status&, const CallReport& finished) { report = finished; };
  const auto stream = Open({"a", "b"}, std::move(options));
  ASSERT_TRUE(stream->Submit(Update(0)).ok());
  ASSERT_TRUE(stream->Next());
  {
    const std::lock_guard<std::mutex> lock(server("a").mutex);
    server("a").stream_refusal = Refused("a");
  }
  ASSERT_TRUE(stream->Submit(Update(1)).ok());
  const absl::Status status = stream->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Connection refused"));
  EXPECT_EQ(report.phase, Phase::kStream);
  EXPECT_EQ(stream->Unacknowledged().size(), 1U);
}

TEST_F(StreamDriverTest, F22RefusesAnUpdateThatIsTooLargeAndNothingElse) {
  StreamOptions options;
  options.max_update_bytes = 20;
  options.max_outstanding_bytes = 40;
  std::atomic<int> answered{0};
  options.on_result = [&](AssignmentOutcome&&) { answered.fetch_add(1); };
  const auto stream = Open({"a"}, std::move(options));
  AssignmentUpdate large{"a-1", "c-1", std::string(100, 'z')};
  const absl::Status refused = stream->TrySubmit(large, 0);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("112 bytes on the wire, more than 20 (max_update_bytes)"));
  EXPECT_EQ(large.destination_zone.size(), 100U) << "moved from although it was not taken";
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Submit(Update(i)).ok()) << i;
  EXPECT_EQ(stream->Finish(), absl::OkStatus());
  EXPECT_EQ(answered.load(), 100);
}

TEST_F(StreamDriverTest, RefusesOptionsThatMakeNoSense) {
  StreamOptions options;
  options.window = 0;
  auto core = MakeFakeCore(servers_, Target{});
  EXPECT_THAT(std::string(MakeAssignmentStream(core, options).status().message()), HasSubstr("window"));
  using std::chrono::seconds;
  const std::pair<const char*, void (*)(StreamOptions&)> bad[] = {
      {"total_timeout", [](StreamOptions& o) { o.total_timeout = seconds(0); }},
      {"max_outstanding_bytes", [](StreamOptions& o) { o.max_outstanding_bytes = 0; }},
      {"max_update_bytes", [](StreamOptions& o) { o.max_update_bytes = 0; }},
      {"initial_reconnect_backoff", [](StreamOptions& o) { o.initial_reconnect_backoff = seconds(0); }},
      {"max_reconnect_backoff", [](StreamOptions& o) { o.max_reconnect_backoff = seconds(-1); }},
      {"reconnect_backoff_multiplier", [](StreamOptions& o) { o.reconnect_backoff_multiplier = 0.5; }},
      {"reconnect_timeout", [](StreamOptions& o) { o.reconnect_timeout = seconds(0); }},
      {"idle_timeout", [](StreamOptions& o) { o.idle_timeout = seconds(0); }},
      {"poison_limit", [](StreamOptions& o) { o.poison_limit = -1; }},
  };
  for (const auto& [name, spoil] : bad) {
    options = {};
    spoil(options);
    const absl::Status status = MakeAssignmentStream(core, options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
  options = {};
  options.metadata = {{"Bad Key", "v"}};
  EXPECT_EQ(MakeAssignmentStream(core, options).status().code(), absl::StatusCode::kInvalidArgument);
}

class StreamWithTokenTest : public StreamDriverTest {
 protected:
  // The server gives one result on each stream, then wants to know who is there.
  StreamWithTokenTest() {
    Write("one");
    server("a").end_stream_after = 1;
    server("a").stream_end = {absl::UnauthenticatedError("the token has expired"), Phase::kStream,
                              Origin::kServer};
    core_ = MakeFakeCore(servers_, FakeTarget({"a"}));
    // Read again only when the server refuses what is in it.
    auto file = TokenFile::Open(path_, nullptr, Clock::now() + std::chrono::hours(1));
    EXPECT_TRUE(file.ok()) << file.status();
    if (file.ok()) core_->lookups().token = *std::move(file);
  }

  void Write(std::string_view token) const { std::ofstream(path_) << token; }

  std::unique_ptr<AssignmentStream> OpenWithToken() {
    auto stream = MakeAssignmentStream(core_, Hasty());
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/token";
  std::shared_ptr<ClientCore> core_;
};

TEST_F(StreamWithTokenTest, F27IsResumedWithTheTokenThatTheFileHoldsByNow) {
  Write("two");
  const auto stream = OpenWithToken();
  ASSERT_TRUE(stream->Submit(Update(1), 0).ok());
  ASSERT_TRUE(stream->Submit(Update(2), 0).ok());
  EXPECT_TRUE(stream->Next());
  EXPECT_TRUE(stream->Next());
  // There is no third one.
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(server("a").authorizations, ElementsAre("Bearer one", "Bearer two"));
  EXPECT_EQ(stream->statistics().reconnects, 1U);
}

TEST_F(StreamWithTokenTest, F27EndsWhenTheFileHasNoOther) {
  const auto stream = OpenWithToken();
  ASSERT_TRUE(stream->Submit(Update(1), 0).ok());
  ASSERT_TRUE(stream->Submit(Update(2), 0).ok());
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(server("a").streams, 1);
}

TEST_F(StreamWithTokenTest, F27EndsWhenTheOtherTokenBringsNoResultEither) {
  server("a").end_stream_after = 0;
  server("a").answer_updates = false;
  server("a").break_on = "a-1";
  Write("two");
  const auto stream = OpenWithToken();
  ASSERT_TRUE(stream->Submit(Update(1), 0).ok());
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(server("a").authorizations, ElementsAre("Bearer one", "Bearer two"));
}

TEST_F(StreamWithTokenTest, IsNotOpenedWhereOthersCouldReadIt) {
  server("a").confidential = false;
  const auto stream = OpenWithToken();
  EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(server("a").streams, 0);
}

}  // namespace
}  // namespace dispatchctl::internal
