// The spans and metrics of real calls, as OpenTelemetry's own SDK gets them.
#include <absl/strings/str_cat.h>
#include <dispatchctl/client.h>
#include <dispatchctl/otel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <opentelemetry/exporters/memory/in_memory_metric_data.h>
#include <opentelemetry/exporters/memory/in_memory_metric_exporter_factory.h>
#include <opentelemetry/exporters/memory/in_memory_span_data.h>
#include <opentelemetry/exporters/memory/in_memory_span_exporter_factory.h>
#include <opentelemetry/sdk/metrics/export/periodic_exporting_metric_reader_factory.h>
#include <opentelemetry/sdk/metrics/export/periodic_exporting_metric_reader_options.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/push_metric_exporter.h>
#include <opentelemetry/sdk/trace/exporter.h>
#include <opentelemetry/sdk/trace/processor.h>
#include <opentelemetry/sdk/trace/simple_processor_factory.h>
#include <opentelemetry/sdk/trace/span_data.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/trace/scope.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/wire/sdk/mock_process.h"

namespace dispatchctl {
namespace {

namespace memory = opentelemetry::exporter::memory;
namespace metrics_sdk = opentelemetry::sdk::metrics;
namespace nostd = opentelemetry::nostd;
namespace trace_api = opentelemetry::trace;
namespace trace_sdk = opentelemetry::sdk::trace;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Spans = std::vector<std::unique_ptr<trace_sdk::SpanData>>;
using Attributes = std::vector<std::pair<std::string, std::string>>;

constexpr char kSent[] = "Sent.dispatchpb.DispatchGateway.GetCourierStatus";
constexpr char kAttempt[] = "Attempt.dispatchpb.DispatchGateway.GetCourierStatus";
constexpr char kMethod[] = "dispatchpb.DispatchGateway/GetCourierStatus";
constexpr char kStreamMethod[] = "dispatchpb.DispatchGateway/StreamAssignments";

template <class Id>
std::string Hex(const Id& id) {
  std::array<char, 2 * Id::kSize> digits{};
  id.ToLowerBase16(nostd::span<char, 2 * Id::kSize>(digits.data(), digits.size()));
  return {digits.data(), digits.size()};
}

template <class T>
T AttributeOf(const trace_sdk::SpanData& span, const std::string& key) {
  const auto found = span.GetAttributes().find(key);
  EXPECT_NE(found, span.GetAttributes().end()) << key;
  return found == span.GetAttributes().end() ? T() : nostd::get<T>(found->second);
}

std::string NameOf(const trace_sdk::SpanData& span) {
  return {span.GetName().data(), span.GetName().size()};
}

class OpenTelemetryTest : public testing::Test {
 protected:
  OpenTelemetryTest() {
    auto span_exporter = memory::InMemorySpanExporterFactory::Create(span_data_);
    tracer_provider_ = nostd::shared_ptr<trace_api::TracerProvider>(new trace_sdk::TracerProvider(
        trace_sdk::SimpleSpanProcessorFactory::Create(std::move(span_exporter))));
    auto meters = std::make_unique<metrics_sdk::MeterProvider>();
    // It is flushed where a test wants to see something.
    metrics_sdk::PeriodicExportingMetricReaderOptions reader;
    reader.export_interval_millis = std::chrono::hours(1);
    reader.export_timeout_millis = std::chrono::minutes(1);
    meters->AddMetricReader(metrics_sdk::PeriodicExportingMetricReaderFactory::Create(
        memory::InMemoryMetricExporterFactory::Create(metric_data_), reader));
    meters_ = meters.get();
    meter_provider_ = nostd::shared_ptr<opentelemetry::metrics::MeterProvider>(meters.release());
  }

  Client Connect(const MockProcess& server) {
    OpenTelemetryOptions options;
    options.tracer_provider = tracer_provider_;
    options.meter_provider = meter_provider_;
    ClientOptions client_options;
    client_options.target = server.address();
    client_options.observer = MakeOpenTelemetryObserver(options);
    absl::StatusOr<Client> client = Client::Create(std::move(client_options));
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  // Those that ended since the last time, in the order in which they did.
  Spans EndedSpans() { return span_data_->GetSpans(); }

  const memory::SimpleAggregateInMemoryMetricData::AttributeToPoint& Points(const std::string& metric) {
    // It keeps the first point of a series.
    metric_data_->Clear();
    EXPECT_TRUE(meters_->ForceFlush());
    return metric_data_->Get("dispatchctl", metric);
  }

  // Of the one series whose attributes are these.
  std::optional<metrics_sdk::PointType> Point(const std::string& metric, const Attributes& wanted) {
    for (const auto& [attributes, point] : Points(metric)) {
      bool same = attributes.size() == wanted.size();
      for (const auto& [key, value] : wanted) {
        const auto found = attributes.find(key);
        same = same && found != attributes.end() && nostd::holds_alternative<std::string>(found->second) &&
               nostd::get<std::string>(found->second) == value;
      }
      if (same) return point;
    }
    return std::nullopt;
  }
  std::int64_t Sum(const std::string& metric, const Attributes& wanted) {
    const auto point = Point(metric, wanted);
    return point ? nostd::get<std::int64_t>(nostd::get<metrics_sdk::SumPointData>(*point).value_) : 0;
  }
  std::uint64_t Count(const std::string& metric, const Attributes& wanted) {
    const auto point = Point(metric, wanted);
    return point ? nostd::get<metrics_sdk::HistogramPointData>(*point).count_ : 0;
  }

  std::shared_ptr<memory::InMemorySpanData> span_data_;
  const std::shared_ptr<memory::SimpleAggregateInMemoryMetricData> metric_data_ =
      std::make_shared<memory::SimpleAggregateInMemoryMetricData>();
  nostd::shared_ptr<trace_api::TracerProvider> tracer_provider_;
  nostd::shared_ptr<opentelemetry::metrics::MeterProvider> meter_provider_;
  metrics_sdk::MeterProvider* meters_ = nullptr;
};

TEST_F(OpenTelemetryTest, MakesASpanForACallAndAChildForEachAttempt) {
  MockProcess server({"--fault", "status=UNAVAILABLE,first=1"});
  EXPECT_TRUE(Connect(server).GetCourierStatus("courier-1").ok());
  const Spans spans = EndedSpans();
  ASSERT_THAT(spans, SizeIs(3));
  const trace_sdk::SpanData& call = *spans[2];
  EXPECT_EQ(NameOf(call), kSent);
  EXPECT_EQ(call.GetSpanKind(), trace_api::SpanKind::kClient);
  EXPECT_EQ(call.GetStatus(), trace_api::StatusCode::kUnset);
  EXPECT_FALSE(call.GetParentSpanId().IsValid());
  EXPECT_EQ(AttributeOf<std::string>(call, "rpc.system"), "grpc");
  EXPECT_EQ(AttributeOf<std::string>(call, "rpc.service"), "dispatchpb.DispatchGateway");
  EXPECT_EQ(AttributeOf<std::string>(call, "rpc.method"), "GetCourierStatus");
  EXPECT_EQ(AttributeOf<std::string>(call, "grpc.target"), server.address());
  EXPECT_EQ(AttributeOf<std::int64_t>(call, "rpc.grpc.status_code"), 0);
  ASSERT_THAT(call.GetEvents(), SizeIs(1));
  EXPECT_EQ(call.GetEvents()[0].GetName(), "backoff");
  for (std::size_t i = 0; i < 2; ++i) {
    const trace_sdk::SpanData& attempt = *spans[i];
    EXPECT_EQ(NameOf(attempt), kAttempt);
    EXPECT_EQ(Hex(attempt.GetParentSpanId()), Hex(call.GetSpanId()));
    EXPECT_EQ(Hex(attempt.GetTraceId()), Hex(call.GetTraceId()));
    EXPECT_EQ(AttributeOf<std::int64_t>(attempt, "previous-rpc-attempts"), static_cast<std::int64_t>(i));
    EXPECT_EQ(AttributeOf<std::string>(attempt, "network.peer.address"), "127.0.0.1");
    EXPECT_EQ(absl::StrCat("127.0.0.1:", AttributeOf<std::int64_t>(attempt, "network.peer.port")),
              server.address());
  }
  EXPECT_EQ(spans[0]->GetStatus(), trace_api::StatusCode::kError);
  EXPECT_EQ(AttributeOf<std::int64_t>(*spans[0], "rpc.grpc.status_code"), 14);
  EXPECT_EQ(spans[1]->GetStatus(), trace_api::StatusCode::kUnset);
}

TEST_F(OpenTelemetryTest, SaysWhyACallFailed) {
  MockProcess server({});
  EXPECT_EQ(Connect(server).GetCourierStatus("nobody").status().code(), absl::StatusCode::kNotFound);
  const Spans spans = EndedSpans();
  ASSERT_THAT(spans, SizeIs(2));
  EXPECT_EQ(spans[1]->GetStatus(), trace_api::StatusCode::kError);
  EXPECT_THAT(std::string(spans[1]->GetDescription()), testing::HasSubstr("nobody"));
  EXPECT_EQ(AttributeOf<std::int64_t>(*spans[1], "rpc.grpc.status_code"), 5);
}

TEST_F(OpenTelemetryTest, TakesTheParentFromTheCallsOptionsBeforeThatOfTheThread) {
  MockProcess server({});
  const Client client = Connect(server);
  const auto active = tracer_provider_->GetTracer("test")->StartSpan("active");
  const trace_api::Scope scope(active);
  EXPECT_TRUE(client.GetCourierStatus("courier-1").ok());
  CallOptions call;
  call.trace_context = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1"};
  EXPECT_TRUE(client.GetCourierStatus("courier-1", call).ok());
  const Spans spans = EndedSpans();
  ASSERT_THAT(spans, SizeIs(4));
  EXPECT_EQ(Hex(spans[1]->GetParentSpanId()), Hex(active->GetContext().span_id()));
  EXPECT_EQ(Hex(spans[3]->GetParentSpanId()), "b7ad6b7169203331");
  EXPECT_EQ(Hex(spans[3]->GetTraceId()), "0af7651916cd43dd8448eb211c80319c");
}

TEST_F(OpenTelemetryTest, SendsTheAttemptsContextOverTheWire) {
  const std::string admin = absl::StrCat("unix:", testing::TempDir(), "/otel-test-", getpid(), ".sock");
  MockProcess server({"--admin", admin, "--fault", "status=UNAVAILABLE,first=1"});
  CallOptions call;
  call.trace_context = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1"};
  EXPECT_TRUE(Connect(server).GetCourierStatus("courier-1", call).ok());

  const std::string command = absl::StrCat(DISPATCH_MOCK_PROGRAM, " ctl --admin ", admin, " -o json calls");
  std::string output;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  ASSERT_NE(pipe, nullptr);
  std::array<char, 4096> buffer{};
  while (const std::size_t size = fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    output.append(buffer.data(), size);
  }
  const Spans spans = EndedSpans();
  ASSERT_THAT(spans, SizeIs(3));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_THAT(output, testing::HasSubstr(absl::StrCat("00-0af7651916cd43dd8448eb211c80319c-",
                                                        Hex(spans[i]->GetSpanId()), "-01")));
  }
  EXPECT_THAT(output, testing::HasSubstr("vendor=1"));
  EXPECT_THAT(output, testing::Not(testing::HasSubstr("b7ad6b7169203331"))) << "the parent's own is not sent";
}

TEST_F(OpenTelemetryTest, CountsCallsAndAttemptsUnderGrpcsNames) {
  MockProcess server({"--fault", "status=UNAVAILABLE,first=2"});
  const Client client = Connect(server);
  EXPECT_TRUE(client.GetCourierStatus("courier-1").ok());
  EXPECT_TRUE(client.GetCourierStatus("courier-2").ok());
  EXPECT_FALSE(client.GetCourierStatus("nobody").ok());
  const std::pair<std::string, std::string> method = {"grpc.method", kMethod};
  const std::pair<std::string, std::string> target = {"grpc.target", server.address()};
  EXPECT_EQ(Sum("grpc.client.attempt.started", {method, target}), 5);
  EXPECT_EQ(Count("grpc.client.attempt.duration", {method, target, {"grpc.status", "OK"}}), 2U);
  EXPECT_EQ(Count("grpc.client.attempt.duration", {method, target, {"grpc.status", "UNAVAILABLE"}}), 2U);
  EXPECT_EQ(Count("grpc.client.call.duration", {method, target, {"grpc.status", "OK"}}), 2U);
  EXPECT_EQ(Count("grpc.client.call.duration", {method, target, {"grpc.status", "NOT_FOUND"}}), 1U);
  EXPECT_EQ(Count("grpc.client.call.retries", {method, target}), 1U) << "of one call";
  EXPECT_EQ(Count("grpc.client.call.retry_delay", {method, target}), 1U);
  EXPECT_EQ(Count("grpc.client.call.hedges", {method, target}), 0U);
  const auto duration = Point("grpc.client.call.duration", {method, target, {"grpc.status", "NOT_FOUND"}});
  ASSERT_TRUE(duration);
  const double seconds = nostd::get<double>(nostd::get<metrics_sdk::HistogramPointData>(*duration).sum_);
  EXPECT_GT(seconds, 0);
  EXPECT_LT(seconds, 10) << "in seconds";
}

TEST_F(OpenTelemetryTest, CountsEndpointsByTheirStateAndBreakersThatChange) {
  MockProcess server({"--fault", "status=UNAVAILABLE"});
  const std::pair<std::string, std::string> target = {"grpc.target", server.address()};
  {
    const Client client = Connect(server);
    EXPECT_EQ(Sum("dispatchctl.client.endpoints", {target, {"dispatchctl.endpoint.state", "idle"}}), 1);
    CallOptions once;
    once.retry = RetryPolicy{};
    once.retry->max_attempts = 1;
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(client.GetCourierStatus("courier-1", once).ok());
    EXPECT_EQ(
        Sum("dispatchctl.client.breaker.changes",
            {target, {"dispatchctl.endpoint", server.address()}, {"dispatchctl.breaker.state", "open"}}),
        1);
    EXPECT_EQ(Sum("dispatchctl.client.endpoints", {target, {"dispatchctl.endpoint.state", "idle"}}), 0);
    EXPECT_EQ(Sum("dispatchctl.client.endpoints", {target, {"dispatchctl.endpoint.state", "ready"}}), 1);
  }
  EXPECT_EQ(Sum("dispatchctl.client.endpoints", {target, {"dispatchctl.endpoint.state", "ready"}}), 0);
}

TEST_F(OpenTelemetryTest, TellsAStreamsStoryAsEventsOfItsSpan) {
  MockProcess server({"--fault", "close-after=1:UNAVAILABLE,first=1"});
  const Client client = Connect(server);
  auto stream = client.StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  for (const char* id : {"a-1", "a-2"}) {
    ASSERT_TRUE((*stream)->Submit({id, "courier-1", "zone-7"}).ok());
    ASSERT_TRUE((*stream)->Next());
  }
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  const Spans spans = EndedSpans();
  ASSERT_THAT(spans, SizeIs(3));
  EXPECT_EQ(NameOf(*spans[2]), "Sent.dispatchpb.DispatchGateway.StreamAssignments");
  std::vector<std::string> events;
  for (const auto& event : spans[2]->GetEvents()) events.push_back(event.GetName());
  EXPECT_THAT(events, ElementsAre("stream opened", "backoff", "stream interrupted", "stream resumed",
                                  "stream ended"));
  EXPECT_EQ(Sum("dispatchctl.client.stream.interruptions",
                {{"grpc.method", kStreamMethod}, {"grpc.target", server.address()}}),
            1);
}

TEST_F(OpenTelemetryTest, SendsNothingWhereTheProcessHasSetNoProvider) {
  MockProcess server({});
  ClientOptions options;
  options.target = server.address();
  options.observer = MakeOpenTelemetryObserver();
  const absl::StatusOr<Client> client = Client::Create(std::move(options));
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE(client->GetCourierStatus("courier-1").ok());
  EXPECT_THAT(EndedSpans(), IsEmpty());
}

}  // namespace
}  // namespace dispatchctl
