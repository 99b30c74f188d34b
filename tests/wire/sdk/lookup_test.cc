#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "service.h"

namespace dispatchctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

TEST(Lookup, GivesTheCouriersStatus) {
  Service service;
  CallReport report;
  const auto status = service.client().GetCourierStatus("courier-42", {}, &report);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(*status, (CourierStatus{"courier-42", "bike", "available", "zone-7"}));
  EXPECT_EQ(report.attempts, 1);
  EXPECT_EQ(report.endpoint, service.server().addresses()[0]);
  EXPECT_EQ(report.origin, Origin::kServer);
}

TEST(Lookup, KeepsTheServersCodeAndMessage) {
  for (const absl::Status& scripted :
       {absl::NotFoundError("courier x not found"), absl::UnavailableError("down for a moment"),
        absl::ResourceExhaustedError("slow down"), absl::UnimplementedError("not here"),
        absl::UnauthenticatedError("who are you"), absl::InternalError("oops \xC3\xA4")}) {
    mock::MockServerOptions options;
    options.directory = std::make_shared<FailingDirectory>(scripted);
    Service service(std::move(options));
    CallOptions call;
    call.retry = RetryPolicy{.max_attempts = 1};
    CallReport report;
    EXPECT_EQ(service.client().GetCourierStatus("x", call, &report).status(), scripted);
    EXPECT_EQ(report.origin, Origin::kServer) << scripted;
    EXPECT_EQ(report.phase, Phase::kCall) << scripted;
    EXPECT_EQ(service.server().lookups(0), 1U) << "one attempt was asked for";
  }
}

TEST(Lookup, EndsAtItsDeadline) {
  mock::MockServerOptions options;
  options.latency = std::chrono::seconds(30);
  Service service(std::move(options));
  CallOptions call;
  call.total_timeout = milliseconds(50);
  CallReport report;
  const auto started = std::chrono::steady_clock::now();
  const auto status = service.client().GetCourierStatus("courier-1", call, &report);
  EXPECT_EQ(status.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(report.origin, Origin::kLocal);
  EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(10));
}

TEST(Lookup, SharesItsClientAmongThreads) {
  Service service;
  const Client client = service.client();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&client, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string id = "courier-" + std::to_string(1 + t * 50 + i);
        const auto status = client.GetCourierStatus(id);
        ASSERT_TRUE(status.ok()) << status.status();
        ASSERT_EQ(status->courier_id, id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(service.server().lookups(0), 400U);
}

TEST(Lookup, GoesRoundItsEndpoints) {
  Service service = Service::WithBackends(3);
  const Client client = service.client();
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(client.GetCourierStatus("courier-1").ok());
  for (std::size_t backend = 0; backend < 3; ++backend) {
    // The first few go to whichever connects first.
    EXPECT_GE(service.server().lookups(backend), 80U) << backend;
  }
}

TEST(Lookup, UsesAnotherEndpointWhenOneIsDown) {
  Service service = Service::WithBackends(2);
  service.server().ShutdownBackend(0);
  const Client client = service.client();
  for (int i = 0; i < 50; ++i) {
    const auto status = client.GetCourierStatus("courier-1");
    ASSERT_TRUE(status.ok()) << status.status();
  }
  EXPECT_EQ(service.server().lookups(1), 50U);
}

TEST(Lookup, ResolvesNames) {
  Service service;
  const std::string& address = service.server().addresses()[0];
  for (const char* host : {"localhost", "dns:///localhost"}) {
    ClientOptions options;
    options.target = host + address.substr(address.rfind(':'));
    const Client client = Service::Connect(std::move(options));
    const auto status = client.GetCourierStatus("courier-42");
    EXPECT_TRUE(status.ok()) << status.status();
  }
}

TEST(Lookup, SpeaksOverAUnixSocket) {
  mock::MockServerOptions options;
  options.listen = {"unix:" + testing::TempDir() + "/sdk-" + std::to_string(getpid()) + ".sock"};
  Service service(std::move(options));
  const auto status = service.client().GetCourierStatus("courier-42");
  EXPECT_TRUE(status.ok()) << status.status();
}

TEST(Lookup, F25TakesMetadataThatGrpcWouldAbortOn) {
  Service service;
  const Client client = service.client();
  CallOptions call;
  call.metadata = {{"X-Upper", "fine"}};
  EXPECT_TRUE(client.GetCourierStatus("courier-1", call).ok());
  call.metadata = {{"x-bad", "line\nbreak"}};
  EXPECT_EQ(client.GetCourierStatus("courier-1", call).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Lookup, SurvivesARestartOfTheServer) {
  auto service = std::make_unique<Service>();
  const std::string address = service->target();
  const Client client = service->client();
  ASSERT_TRUE(client.GetCourierStatus("courier-1").ok());
  service.reset();
  EXPECT_EQ(client.GetCourierStatus("courier-1").status().code(), absl::StatusCode::kUnavailable);

  mock::MockServerOptions options;
  options.listen = {address};
  Service restarted(std::move(options));
  CallOptions call;
  call.wait_for_ready = true;
  call.total_timeout = seconds(30);
  const auto status = client.GetCourierStatus("courier-1", call);
  EXPECT_TRUE(status.ok()) << status.status();
}

TEST(Create, NamesTheOptionThatIsWrong) {
  ClientOptions options;
  options.target = "no-port";
  EXPECT_THAT(std::string(Client::Create(options).status().message()), HasSubstr("host:port"));
  options.target = "127.0.0.1:1";
  options.security = TransportSecurity::kTls;
  options.tls.ca_file = "/nonexistent/ca.pem";
  const absl::Status status = Client::Create(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("tls.ca_file"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("No such file"));
}

}  // namespace
}  // namespace dispatchctl
