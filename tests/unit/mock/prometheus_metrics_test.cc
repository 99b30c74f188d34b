#include "mock-server/metrics/prometheus_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "mock-server/observation/observer_list.h"

namespace dispatchctl::mock {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

ObservedCall Ended(Method method, std::size_t listen, absl::StatusCode code, milliseconds duration) {
  ObservedCall call;
  call.method = method;
  call.listen = listen;
  call.code = code;
  call.duration = duration;
  return call;
}

// The value of the one series whose line has all of these; "none" or "several" if it is not one.
std::string ValueOf(const PrometheusMetrics& metrics, const std::vector<std::string>& words) {
  const std::string text = metrics.Text();
  std::string value = "none";
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    bool all = line.rfind(words[0], 0) == 0;
    for (const std::string& word : words) all = all && line.find(word) != std::string::npos;
    if (!all) continue;
    value = value == "none" ? line.substr(line.rfind(' ') + 1) : "several";
  }
  return value;
}

TEST(PrometheusMetrics, CountsCallsByMethodAndCode) {
  PrometheusMetrics metrics(2, "1.2.3");
  metrics.CallStarted(Method::kLookup, 1);
  metrics.CallStarted(Method::kLookup, 1);
  metrics.CallEnded(Ended(Method::kLookup, 1, absl::StatusCode::kNotFound, milliseconds(3)));
  const std::string lookup = R"(grpc_method="GetCourierStatus")";
  const std::string second = R"(listen="1")";
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_started_total{", lookup, second}), "2");
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_started_total{", lookup, R"(listen="0")"}), "0");
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_handled_total{", lookup, second, R"(grpc_code="NotFound")"}), "1");
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_handled_total{", lookup, second, R"(grpc_code="OK")"}), "0");
  EXPECT_EQ(ValueOf(metrics, {"dispatch_mock_calls_open{", lookup, second}), "1");
}

TEST(PrometheusMetrics, HasLatenciesInSeconds) {
  PrometheusMetrics metrics(1, "1");
  for (const milliseconds duration : {milliseconds(3), milliseconds(3), milliseconds(2000)}) {
    metrics.CallStarted(Method::kAssign, 0);
    metrics.CallEnded(Ended(Method::kAssign, 0, absl::StatusCode::kOk, duration));
  }
  const std::string assign = R"(grpc_method="StreamAssignments")";
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_handling_seconds_count{", assign}), "3");
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_handling_seconds_sum{", assign}).substr(0, 5), "2.006");
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_handling_seconds_bucket{", assign, R"(le="0.0025")"}), "0");
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_handling_seconds_bucket{", assign, R"(le="0.005")"}), "2");
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_handling_seconds_bucket{", assign, R"(le="+Inf")"}), "3");
}

TEST(PrometheusMetrics, CountsDecisionsAndFaults) {
  PrometheusMetrics metrics(1, "1");
  metrics.AssignmentDecided({.accepted = true, .replay = false});
  metrics.AssignmentDecided({.accepted = true, .replay = false});
  metrics.AssignmentDecided({.accepted = false, .replay = true});
  metrics.FaultMet(FaultKind::kBlackhole);
  const auto decided = [&](const std::string& decision, const std::string& replay) {
    return ValueOf(metrics, {"dispatch_mock_assignments_total{", R"(decision=")" + decision + '"',
                             R"(replay=")" + replay + '"'});
  };
  EXPECT_EQ(decided("accepted", "false"), "2");
  EXPECT_EQ(decided("rejected", "true"), "1");
  EXPECT_EQ(decided("rejected", "false"), "0");
  EXPECT_EQ(ValueOf(metrics, {"dispatch_mock_faults_total{", R"(kind="blackhole")"}), "1");
  EXPECT_EQ(ValueOf(metrics, {"dispatch_mock_faults_total{", R"(kind="latency")"}), "0");
}

TEST(PrometheusMetrics, TakesACodeThatGrpcDoesNotHaveForUnknown) {
  PrometheusMetrics metrics(1, "1");
  metrics.CallStarted(Method::kLookup, 0);
  metrics.CallEnded(Ended(Method::kLookup, 0, static_cast<absl::StatusCode>(99), milliseconds(1)));
  EXPECT_EQ(ValueOf(metrics, {"grpc_server_handled_total{", "GetCourierStatus", R"(grpc_code="Unknown")"}),
            "1");
}

TEST(PrometheusMetrics, AreExposedAtAPortOfTheirOwn) {
  PrometheusMetrics metrics(1, "1");
  const auto address = metrics.Expose("127.0.0.1:0");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_THAT(*address, Not(HasSubstr(":0")));
  PrometheusMetrics others(1, "1");
  const auto taken = others.Expose(*address);
  EXPECT_TRUE(absl::IsUnavailable(taken.status())) << taken.status();
  EXPECT_THAT(std::string(taken.status().message()), HasSubstr(*address));
}

TEST(PrometheusMetrics, RefuseAnAddressThatIsNone) {
  PrometheusMetrics metrics(1, "1");
  EXPECT_TRUE(absl::IsInvalidArgument(metrics.Expose("50051").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(metrics.Expose("unix:/tmp/metrics").status()));
}

class CountingObserver final : public ServerObserver {
 public:
  bool AsksWhoCalls() const override { return asks; }
  void CallStarted(Method /*method*/, std::size_t /*listen*/) override { ++told; }
  void MessageReceived(Method /*method*/, std::size_t /*listen*/) override { ++told; }
  void MessageSent(Method /*method*/, std::size_t /*listen*/) override { ++told; }
  void CallEnded(const ObservedCall& /*call*/) override { ++told; }
  void AssignmentDecided(const Decision& /*decision*/) override { ++told; }
  void FaultMet(FaultKind /*kind*/) override { ++told; }

  bool asks = false;
  int told = 0;
};

TEST(ObserverList, TellsAll) {
  const auto first = std::make_shared<CountingObserver>();
  const auto second = std::make_shared<CountingObserver>();
  const std::shared_ptr<ServerObserver> list = ObserverList::Of({first, second});
  EXPECT_FALSE(list->AsksWhoCalls());
  second->asks = true;
  EXPECT_TRUE(list->AsksWhoCalls());
  list->CallStarted(Method::kLookup, 0);
  list->MessageReceived(Method::kLookup, 0);
  list->MessageSent(Method::kLookup, 0);
  list->CallEnded({});
  list->AssignmentDecided({});
  list->FaultMet(FaultKind::kHang);
  EXPECT_EQ(first->told, 6);
  EXPECT_EQ(second->told, 6);
}

TEST(ObserverList, IsNoneOrTheOnlyOneWhereThatWillDo) {
  EXPECT_EQ(ObserverList::Of({}), nullptr);
  const auto only = std::make_shared<CountingObserver>();
  EXPECT_EQ(ObserverList::Of({only}), only);
}

}  // namespace
}  // namespace dispatchctl::mock
