#include "dispatchctl/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "dispatchctl/client.h"
#include "dispatchctl/connection_diagnosis.h"
#include "service.h"

namespace dispatchctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kService = "dispatchpb.DispatchGateway";
constexpr milliseconds kStartPatience{20'000};

TEST(Health, IsAskedOfEveryEndpoint) {
  const Service service = Service::WithBackends(2);
  const auto health = service.client().CheckHealth({.service = kService, .timeout = kStartPatience});
  ASSERT_TRUE(health.ok()) << health.status();
  ASSERT_EQ(health->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const EndpointHealth& endpoint = (*health)[i];
    EXPECT_EQ(endpoint.report.endpoint, service.server().addresses()[i]);
    ASSERT_TRUE(endpoint.status.ok()) << endpoint.status.status();
    EXPECT_EQ(*endpoint.status, ServingStatus::kServing);
    EXPECT_GT(endpoint.report.elapsed.count(), 0);
  }
}

TEST(Health, IsWhatTheServerSaysOfOneService) {
  const Service service;
  const Client client = service.client();
  service.server().SetHealth(false, kService);
  const auto named = client.CheckHealth({.service = kService, .timeout = kStartPatience});
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->front().status.value(), ServingStatus::kNotServing);
  const auto whole = client.CheckHealth({.timeout = kStartPatience});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->front().status.value(), ServingStatus::kServing);
  const auto unknown = client.CheckHealth({.service = "other.Service", .timeout = kStartPatience});
  ASSERT_TRUE(unknown.ok()) << unknown.status();
  EXPECT_EQ(unknown->front().status.value(), ServingStatus::kServiceUnknown);
}

TEST(Health, OfAnEndpointThatIsDownIsItsConnectError) {
  Service service = Service::WithBackends(1);
  ClientOptions options;
  options.target = service.target() + ",127.0.0.1:1";
  const auto health = Service::Connect(options).CheckHealth({.timeout = kStartPatience});
  ASSERT_TRUE(health.ok()) << health.status();
  EXPECT_TRUE((*health)[0].status.ok()) << (*health)[0].status.status();
  EXPECT_EQ((*health)[1].status.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ((*health)[1].report.phase, Phase::kConnect);
  EXPECT_EQ((*health)[1].report.endpoint, "127.0.0.1:1");
}

TEST(Health, IsNotAskedOnceTheClientIsShutDown) {
  const Service service;
  const Client client = service.client();
  EXPECT_TRUE(client.Shutdown(seconds(1)).ok());
  EXPECT_EQ(client.CheckHealth().status().code(), absl::StatusCode::kCancelled);
}

TEST(Health, RefusesOptionsThatMakeNoSense) {
  const Service service;
  const Client client = service.client();
  for (const HealthOptions& options :
       {HealthOptions{.timeout = seconds(0)}, HealthOptions{.service = "\xff"}}) {
    EXPECT_EQ(client.CheckHealth(options).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ConnectionDiagnosis, ReadsTheSettingsOfAServerInPlaintext) {
  const Service service;
  const ConnectionDiagnosis diagnosis = DiagnosePlaintext(service.target(), kStartPatience);
  EXPECT_EQ(diagnosis.problem, ConnectionProblem::kNone) << diagnosis.cause;
  ASSERT_TRUE(diagnosis.http2.has_value());
  EXPECT_GE(diagnosis.http2->max_frame_size, 16'384U);
  EXPECT_GT(diagnosis.connect_time.count(), 0);
  EXPECT_GT(diagnosis.settings_time.count(), 0);
}

TEST(ConnectionDiagnosis, TellsThatNobodyListens) {
  const ConnectionDiagnosis diagnosis = DiagnosePlaintext("127.0.0.1:1", kStartPatience);
  EXPECT_EQ(diagnosis.problem, ConnectionProblem::kNotConnected);
  EXPECT_FALSE(diagnosis.http2.has_value());
}

}  // namespace
}  // namespace dispatchctl
