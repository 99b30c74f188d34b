#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "service.h"

namespace dispatchctl {
namespace {

AssignmentUpdate SomeUpdate(std::uint64_t n) {
  return {"a-" + std::to_string(n), "courier-42", "zone-7"};
}

TEST(Stream, GivesOneResultForEachUpdate) {
  constexpr std::uint64_t kUpdates = 20000;
  Service service;
  std::set<std::string> answered;
  StreamOptions options;
  options.on_result = [&](AssignmentOutcome&& outcome) {
    EXPECT_TRUE(outcome.result.accepted);
    EXPECT_EQ(outcome.update, SomeUpdate(outcome.tag));
    answered.insert(outcome.result.assignment_id);
  };
  auto stream = service.client().StreamAssignments(std::move(options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  for (std::uint64_t i = 0; i < kUpdates; ++i) ASSERT_TRUE((*stream)->Submit(SomeUpdate(i), i).ok());
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  EXPECT_EQ(answered.size(), kUpdates);
  EXPECT_EQ(service.server().updates(0), kUpdates);
}

TEST(Stream, AnswersAnUpdateBeforeTheNextIsSubmitted) {
  Service service;
  auto stream = service.client().StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  for (std::uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE((*stream)->Submit(SomeUpdate(i), i).ok());
    const auto outcome = (*stream)->Next();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->tag, i);
    EXPECT_EQ(outcome->endpoint, service.server().addresses()[0]);
  }
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
}

// A held-back write that nothing follows would hang the stream: every size of batch, in a small window.
TEST(Stream, NeverHoldsBackTheLastUpdateOfABatch) {
  Service service;
  for (const std::size_t window : {std::size_t{1}, std::size_t{7}, std::size_t{2000}}) {
    StreamOptions options;
    options.window = window;
    std::atomic<std::uint64_t> answered{0};
    options.on_result = [&](AssignmentOutcome&&) {
      answered.fetch_add(1);
      answered.notify_all();
    };
    auto stream = service.client().StreamAssignments(std::move(options));
    ASSERT_TRUE(stream.ok()) << stream.status();
    std::uint64_t submitted = 0;
    for (std::uint64_t batch = 1; batch <= 1000; batch += batch < 40 ? 1 : 97) {
      for (std::uint64_t i = 0; i < batch; ++i) ASSERT_TRUE((*stream)->Submit(SomeUpdate(submitted++)).ok());
      for (std::uint64_t seen = answered.load(); seen != submitted; seen = answered.load())
        answered.wait(seen);
    }
    EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  }
}

TEST(Stream, FinishesWithNothingSubmitted) {
  Service service;
  auto stream = service.client().StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
}

TEST(Stream, AccountsForEveryUpdateWhenItsServerGoes) {
  Service service;
  std::atomic<std::uint64_t> answered{0};
  StreamOptions options;
  options.resume = false;
  options.window = 64;
  options.on_result = [&](AssignmentOutcome&&) {
    answered.fetch_add(1);
    answered.notify_all();
  };
  auto stream = service.client().StreamAssignments(std::move(options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::thread killer([&] {
    answered.wait(0);
    service.server().Shutdown();
  });
  std::uint64_t accepted = 0;
  while ((*stream)->Submit(SomeUpdate(accepted), accepted).ok()) ++accepted;
  killer.join();
  EXPECT_FALSE((*stream)->Finish().ok());
  EXPECT_EQ(answered.load() + (*stream)->Unacknowledged().size(), accepted);
}

TEST(Stream, EndsAtOnceWhenItIsCancelled) {
  mock::MockServerOptions server;
  server.latency = std::chrono::seconds(60);
  Service service(std::move(server));
  auto stream = service.client().StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit(SomeUpdate(1)).ok());
  (*stream)->Cancel();
  EXPECT_EQ((*stream)->Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ((*stream)->Unacknowledged().size(), 1U);
}

TEST(Stream, IsAbandonedByItsDestructorInEveryState) {
  mock::MockServerOptions server;
  server.latency = std::chrono::seconds(60);
  Service service(std::move(server));
  const Client client = service.client();
  for (int updates = 0; updates < 20; ++updates) {
    auto stream = client.StreamAssignments();
    ASSERT_TRUE(stream.ok()) << stream.status();
    for (int i = 0; i < updates; ++i) ASSERT_TRUE((*stream)->Submit(SomeUpdate(1)).ok());
  }
}

TEST(Stream, EndsAtItsDeadline) {
  mock::MockServerOptions server;
  server.latency = std::chrono::seconds(60);
  Service service(std::move(server));
  StreamOptions options;
  options.total_timeout = std::chrono::milliseconds(50);
  auto stream = service.client().StreamAssignments(std::move(options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit(SomeUpdate(1)).ok());
  EXPECT_EQ((*stream)->Finish().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(Stream, RefusesAnUpdateThatBreaksTheContract) {
  Service service;
  auto stream = service.client().StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ((*stream)->Submit({"", "courier-1", "z"}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((*stream)->Submit({"a-1", "\xFF", "z"}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
}

TEST(Stream, F32DoesNotStarveLookups) {
  mock::MockServerOptions server;
  server.max_concurrent_streams = 1;
  Service service(std::move(server));
  const Client client = service.client();
  auto stream = client.StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit(SomeUpdate(1)).ok());
  ASSERT_TRUE((*stream)->Next());
  const auto status = client.GetCourierStatus("courier-1");
  EXPECT_TRUE(status.ok()) << status.status();
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
}

}  // namespace
}  // namespace dispatchctl
