#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/wire/mock/test_client.h"

namespace dispatchctl::mock {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

TEST(Lookup, AnswersFromTheBuiltInFleet) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  dispatchpb::CourierStatusReply reply;
  ASSERT_EQ(Text(client.Lookup("courier-42", &reply)), "OK");
  EXPECT_EQ(reply.courier_id(), "courier-42");
  EXPECT_EQ(reply.transport_mode(), "bike");
  EXPECT_EQ(reply.availability(), "available");
  EXPECT_EQ(reply.current_zone(), "zone-7");
}

TEST(Lookup, KnowsNoOtherCourier) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(Text(client.Lookup("c-9")), "5: courier c-9 not found");
  EXPECT_EQ(Text(client.Lookup("")), "3: courier_id is empty");
}

class ScriptedDirectory final : public CourierDirectory {
 public:
  explicit ScriptedDirectory(absl::Status status) : status_(std::move(status)) {}
  absl::StatusOr<Courier> Find(std::string_view /*courier_id*/) const override { return status_; }

 private:
  absl::Status status_;
};

TEST(Lookup, AnswersWithWhatTheDirectorySays) {
  MockServerOptions options;
  options.directory = std::make_shared<ScriptedDirectory>(absl::ResourceExhaustedError("slow down"));
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "8: slow down");
}

TEST(Lookup, IsCountedByBackend) {
  MockServerOptions options;
  options.listen = {"127.0.0.1:0", "127.0.0.1:0"};
  const auto server = StartServer(options);
  TestClient client(server->addresses()[1]);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Text(client.Lookup("courier-1")), "OK");
  EXPECT_EQ(server->lookups(0), 0U);
  EXPECT_EQ(server->lookups(1), 3U);
}

struct PendingLookup {
  std::unique_ptr<grpc::ClientContext> context = MakeContext();
  dispatchpb::CourierStatusReply reply;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<dispatchpb::CourierStatusReply>> reader;
};

// Many more at once than the server has requests posted.
void LookupAtOnce(TestClient& client, int count) {
  grpc::CompletionQueue queue;
  std::vector<PendingLookup> lookups(static_cast<std::size_t>(count));
  for (PendingLookup& lookup : lookups) {
    dispatchpb::CourierLookupRequest request;
    request.set_courier_id("courier-42");
    lookup.reader = client.stub().AsyncGetCourierStatus(lookup.context.get(), request, &queue);
    lookup.reader->Finish(&lookup.reply, &lookup.status, &lookup);
  }
  void* tag = nullptr;
  bool ok = false;
  for (int i = 0; i < count; ++i) ASSERT_TRUE(queue.Next(&tag, &ok));
  for (const PendingLookup& lookup : lookups) {
    EXPECT_EQ(Text(lookup.status), "OK");
    EXPECT_EQ(lookup.reply.courier_id(), "courier-42");
  }
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

TEST(Lookup, ServesManyAtOnce) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  LookupAtOnce(client, 3000);
  LookupAtOnce(client, 3000);
  EXPECT_EQ(server->lookups(0), 6000U);
}

TEST(Lookup, IsHeldBackForTheLatencyEachOnItsOwn) {
  MockServerOptions options;
  options.latency = milliseconds(100);
  options.jitter = milliseconds(20);
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  const Clock::time_point start = Clock::now();
  LookupAtOnce(client, 100);
  const Clock::duration elapsed = Clock::now() - start;
  EXPECT_GE(elapsed, milliseconds(80));
  EXPECT_LT(elapsed, milliseconds(100) * 100 / 2);
}

TEST(Lookup, RunsOnSeveralQueues) {
  MockServerOptions options;
  options.completion_queues = 2;
  const auto server = StartServer(options);
  TestClient client(server->addresses()[0]);
  LookupAtOnce(client, 1000);
  EXPECT_EQ(server->lookups(0), 1000U);
}

TEST(Lookup, RefusesARequestThatDoesNotParse) {
  const auto server = StartServer();
  TestClient client(server->addresses()[0]);
  dispatchpb::CourierLookupRequest not_utf8;
  not_utf8.set_courier_id("\xff");
  const auto context = MakeContext();
  dispatchpb::CourierStatusReply reply;
  EXPECT_EQ(client.stub().GetCourierStatus(context.get(), not_utf8, &reply).error_code(), grpc::INTERNAL);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
}

}  // namespace
}  // namespace dispatchctl::mock
