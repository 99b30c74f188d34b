#include <dispatchctl/client.h>
#include <dispatchctl/mock_server.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using dispatchctl::Client;
using dispatchctl::MockCall;
using dispatchctl::MockServer;
using dispatchctl::MockServerOptions;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::unique_ptr<MockServer> Started(const MockServerOptions& options = {}) {
  auto server = MockServer::Start(options);
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

Client Connected(const MockServer& server, int max_attempts = 4) {
  dispatchctl::ClientOptions options;
  options.target = server.target();
  options.call_defaults.retry = dispatchctl::RetryPolicy();
  options.call_defaults.retry->max_attempts = max_attempts;
  options.call_defaults.total_timeout = std::chrono::seconds(60);
  auto client = Client::Create(std::move(options));
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

TEST(MockServer, AnswersAClientInTheSameProcessAndRemembersTheCall) {
  const auto server = Started();
  const auto status = Connected(*server).GetCourierStatus("courier-42");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->transport_mode, "bike");
  EXPECT_EQ(server->Complaints({"lookup,courier_id=courier-42,status=OK,count=1"}), "");
  EXPECT_THAT(server->Complaints({"lookup,courier_id=courier-7"}), HasSubstr("courier-7"));

  const std::vector<MockCall> calls = server->calls();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].method, "dispatchpb.DispatchGateway/GetCourierStatus");
  EXPECT_THAT(calls[0].requests, ElementsAre(R"({"courier_id":"courier-42"})"));
  EXPECT_THAT(calls[0].responses, ElementsAre(HasSubstr(R"("transport_mode":"bike")")));
  ASSERT_TRUE(calls[0].status);
  EXPECT_TRUE(calls[0].status->ok());
}

TEST(MockServer, DecidesTheAssignmentsOfAStream) {
  MockServerOptions options;
  options.accept = "never";
  const auto server = Started(options);
  auto stream = Connected(*server).StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit({"a-1", "courier-42", "zone-7"}).ok());
  const auto outcome = (*stream)->Next();
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->result.accepted);
  EXPECT_TRUE((*stream)->Finish().ok());
  EXPECT_EQ(server->Complaints({"assign,count=1", "update,assignment_id=a-1,count=1"}), "");
}

TEST(MockServer, FailsAsItIsTold) {
  const auto server = Started();
  ASSERT_TRUE(server->SetFaults({"status=UNAVAILABLE,first=1"}).ok());
  dispatchctl::CallReport report;
  const Client client = Connected(*server);
  EXPECT_TRUE(client.GetCourierStatus("courier-42", {}, &report).ok());
  EXPECT_EQ(report.attempts, 2);

  ASSERT_TRUE(server->SetFaults({"status=INTERNAL"}).ok());
  EXPECT_TRUE(absl::IsInternal(client.GetCourierStatus("courier-42").status()));
  server->ClearFaults();
  EXPECT_TRUE(client.GetCourierStatus("courier-42").ok());
  EXPECT_THAT(std::string(server->SetFaults({"no-such-fault"}).message()), HasSubstr("no-such-fault"));
}

TEST(MockServer, FollowsAScenario) {
  const auto server = Started();
  ASSERT_TRUE(
      server->SetScenario("scenario lookup\n  expect courier_id=courier-1\n    reply current_zone=harbour\n")
          .ok());
  const auto status = Connected(*server).GetCourierStatus("courier-1");
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->current_zone, "harbour");
  EXPECT_EQ(server->SetScenario("nonsense").code(), absl::StatusCode::kInvalidArgument);
}

TEST(MockServer, ForgetsWhenReset) {
  const auto server = Started();
  ASSERT_TRUE(Connected(*server).GetCourierStatus("courier-42").ok());
  ASSERT_TRUE(server->Reset().ok());
  EXPECT_THAT(server->calls(), SizeIs(0));
}

TEST(MockServer, IsSeveralBackends) {
  MockServerOptions options;
  options.listen = {"127.0.0.1:0", "127.0.0.1:0"};
  const auto server = Started(options);
  EXPECT_THAT(server->addresses(), SizeIs(2));
  EXPECT_EQ(server->target(), server->addresses()[0] + "," + server->addresses()[1]);
  ASSERT_TRUE(Connected(*server).GetCourierStatus("courier-42").ok());
}

TEST(MockServer, RefusesCallsOnceStopped) {
  const auto server = Started();
  const Client client = Connected(*server, 1);
  ASSERT_TRUE(client.GetCourierStatus("courier-42").ok());
  server->Stop();
  EXPECT_TRUE(absl::IsUnavailable(client.GetCourierStatus("courier-42").status()));
}

TEST(MockServer, NamesTheOptionThatIsWrong) {
  MockServerOptions accept;
  accept.accept = "perhaps";
  EXPECT_EQ(MockServer::Start(accept).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(MockServer::Start(accept).status().message()), HasSubstr("accept"));

  MockServerOptions couriers;
  couriers.couriers_file = "/nonexistent/couriers.json";
  EXPECT_EQ(MockServer::Start(couriers).status().code(), absl::StatusCode::kFailedPrecondition);

  MockServerOptions key;
  key.tls_key_file = "key.pem";
  EXPECT_THAT(std::string(MockServer::Start(key).status().message()), HasSubstr("tls_certificate_file"));
}

}  // namespace
