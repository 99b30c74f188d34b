#include "mock-server/recording/call_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace dispatchctl::mock {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class CallLogTest : public testing::Test {
 protected:
  // Each question is a second later.
  LoggedCall::Time Now() { return now_ += std::chrono::seconds(1); }

  std::unique_ptr<CallLog::Recorder> Begin(CallLog& log, Method method = Method::kLookup) {
    return log.Begin(method, 0, "peer", {});
  }

  LoggedCall::Time now_;
  CallLog log_{1'000'000, [this] { return Now(); }};
};

TEST_F(CallLogTest, HasEveryMessageAndTheEnd) {
  const auto call =
      log_.Begin(Method::kAssign, 2, "ipv4:127.0.0.1:9",
                 {{"x-mock-session", "s"}, {"authorization", "Bearer abc"}, {"trace-bin", "123"}});
  call->Received("one");
  call->Sent("two");
  call->End(absl::StatusCode::kNotFound, "gone");
  call->End(absl::StatusCode::kOk, "");
  const CallLog::Snapshot snapshot = log_.calls();
  ASSERT_THAT(snapshot.calls, SizeIs(1));
  const LoggedCall& logged = snapshot.calls[0];
  EXPECT_EQ(logged.number, 1U);
  EXPECT_EQ(logged.method, Method::kAssign);
  EXPECT_EQ(logged.listen, 2U);
  EXPECT_EQ(logged.peer, "ipv4:127.0.0.1:9");
  EXPECT_THAT(logged.metadata,
              UnorderedElementsAre(Pair("x-mock-session", "s"), Pair("authorization", "[redacted]"),
                                   Pair("trace-bin", "[3 bytes]")));
  ASSERT_THAT(logged.messages, SizeIs(2));
  EXPECT_TRUE(logged.messages[0].from_client);
  EXPECT_EQ(logged.messages[0].bytes, "one");
  EXPECT_FALSE(logged.messages[1].from_client);
  EXPECT_EQ(logged.messages[1].size, 3U);
  EXPECT_EQ(logged.messages[1].at - logged.started, std::chrono::seconds(2));
  EXPECT_LT(logged.sequence, logged.messages[0].sequence);
  ASSERT_TRUE(logged.end.has_value());
  EXPECT_EQ(logged.end->code, absl::StatusCode::kNotFound);
  EXPECT_EQ(logged.end->message, "gone");
  EXPECT_EQ(snapshot.dropped_calls, 0U);
}

TEST_F(CallLogTest, TakesACancellationForTheEndWheneverItIsHeardOf) {
  const auto early = Begin(log_);
  early->End(absl::StatusCode::kCancelled, "");
  early->End(absl::StatusCode::kOk, "");
  const auto late = Begin(log_);
  late->End(absl::StatusCode::kOk, "");
  late->End(absl::StatusCode::kCancelled, "");
  for (const LoggedCall& call : log_.calls().calls) EXPECT_EQ(call.end->code, absl::StatusCode::kCancelled);
}

TEST_F(CallLogTest, ShowsACallThatIsOpen) {
  const auto call = Begin(log_);
  call->Received("one");
  const CallLog::Snapshot snapshot = log_.calls();
  ASSERT_THAT(snapshot.calls, SizeIs(1));
  EXPECT_THAT(snapshot.calls[0].messages, SizeIs(1));
  EXPECT_FALSE(snapshot.calls[0].end.has_value());
}

TEST_F(CallLogTest, DropsTheOldestCallsAndCountsThem) {
  CallLog small(10'000, [this] { return Now(); });
  for (int i = 0; i < 100; ++i) {
    const auto call = Begin(small);
    call->Received(std::string(1'000, 'x'));
    call->End(absl::StatusCode::kOk, "");
  }
  const CallLog::Snapshot snapshot = small.calls();
  ASSERT_FALSE(snapshot.calls.empty());
  EXPECT_LE(snapshot.calls.size(), 9U);
  EXPECT_EQ(snapshot.calls.back().number, 100U);
  EXPECT_EQ(snapshot.calls.size() + snapshot.dropped_calls, 100U);
  EXPECT_EQ(snapshot.dropped_messages, snapshot.dropped_calls);
}

TEST_F(CallLogTest, DropsTheOldestMessagesOfTheOnlyCall) {
  CallLog small(10'000, [this] { return Now(); });
  const auto call = Begin(small, Method::kAssign);
  for (int i = 0; i < 100; ++i) call->Received(std::to_string(i) + std::string(998, 'x'));
  const CallLog::Snapshot snapshot = small.calls();
  ASSERT_THAT(snapshot.calls, SizeIs(1));
  const LoggedCall& logged = snapshot.calls[0];
  ASSERT_FALSE(logged.messages.empty());
  EXPECT_EQ(logged.messages.size() + logged.dropped_messages, 100U);
  EXPECT_EQ(snapshot.dropped_messages, logged.dropped_messages);
  EXPECT_EQ(logged.messages.back().bytes.substr(0, 2), "99");
}

TEST_F(CallLogTest, TakesNothingMoreOfACallItHasDropped) {
  CallLog small(2'000, [this] { return Now(); });
  const auto old = Begin(small);
  const auto call = Begin(small);
  call->Received(std::string(1'500, 'x'));
  old->Received("late");
  old->End(absl::StatusCode::kOk, "");
  const CallLog::Snapshot snapshot = small.calls();
  ASSERT_THAT(snapshot.calls, SizeIs(1));
  EXPECT_EQ(snapshot.calls[0].number, 2U);
}

TEST_F(CallLogTest, KeepsOnlyTheSizeOfALongMessage) {
  const auto call = Begin(log_);
  call->Sent(std::string(CallLog::kMaxMessageBytes + 1, 'x'));
  call->Sent(std::string(CallLog::kMaxMessageBytes, 'x'));
  const auto messages = log_.calls().calls.at(0).messages;
  EXPECT_THAT(messages[0].bytes, IsEmpty());
  EXPECT_EQ(messages[0].size, CallLog::kMaxMessageBytes + 1);
  EXPECT_THAT(messages[1].bytes, SizeIs(CallLog::kMaxMessageBytes));
}

TEST_F(CallLogTest, ForgetsEverythingAtOnce) {
  const auto old = Begin(log_);
  log_.Clear();
  old->Received("late");
  EXPECT_THAT(log_.calls().calls, IsEmpty());
  const auto call = Begin(log_);
  EXPECT_EQ(log_.calls().calls.at(0).number, 1U);
}

}  // namespace
}  // namespace dispatchctl::mock
