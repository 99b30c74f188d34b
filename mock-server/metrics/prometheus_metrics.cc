#include "mock-server/metrics/prometheus_metrics.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <exception>

#include "mock-server/server/listen_address.h"

namespace dispatchctl::mock {
namespace {

// gRPC's codes, 0 to 16, named as grpc-go names them.
constexpr std::array<const char*, 17> kCodes = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};
constexpr std::size_t kUnknown = 2;

// In seconds. An answer without a latency of its own takes tens of microseconds, a stream minutes.
const prometheus::Histogram::BucketBoundaries& Buckets() {
  static const prometheus::Histogram::BucketBoundaries kBuckets = {
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
      0.1,     0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    300};
  return kBuckets;
}

constexpr int kThreads = 2;
constexpr std::size_t kMethods = 2;

}  // namespace

class PrometheusMetrics::Series {
 public:
  Series(std::size_t backends, std::string_view version) {
    using prometheus::BuildCounter;
    using prometheus::BuildGauge;
    using prometheus::BuildHistogram;
    auto& started = BuildCounter()
                        .Name("grpc_server_started_total")
                        .Help("Calls that have arrived.")
                        .Register(*registry_);
    auto& handled = BuildCounter()
                        .Name("grpc_server_handled_total")
                        .Help("Calls that were answered, by the status they were answered with.")
                        .Register(*registry_);
    auto& received = BuildCounter()
                         .Name("grpc_server_msg_received_total")
                         .Help("Messages received, on streams and otherwise.")
                         .Register(*registry_);
    auto& sent = BuildCounter()
                     .Name("grpc_server_msg_sent_total")
                     .Help("Messages sent, on streams and otherwise.")
                     .Register(*registry_);
    auto& seconds = BuildHistogram()
                        .Name("grpc_server_handling_seconds")
                        .Help("How long calls took, from their arrival to their status.")
                        .Register(*registry_);
    auto& open = BuildGauge()
                     .Name("dispatch_mock_calls_open")
                     .Help("Calls that have arrived and are not answered yet.")
                     .Register(*registry_);
    calls_.resize(backends);
    for (std::size_t listen = 0; listen < backends; ++listen) {
      for (std::size_t method = 0; method < kMethods; ++method) {
        const bool lookup = static_cast<Method>(method) == Method::kLookup;
        prometheus::Labels labels = {{"grpc_type", lookup ? "unary" : "bidi_stream"},
                                     {"grpc_service", "dispatchpb.DispatchGateway"},
                                     {"grpc_method", lookup ? "GetCourierStatus" : "StreamAssignments"},
                                     {"listen", std::to_string(listen)}};
        OfMethod& calls = calls_[listen][method];
        calls.started = &started.Add(labels);
        calls.received = &received.Add(labels);
        calls.sent = &sent.Add(labels);
        calls.seconds = &seconds.Add(labels, Buckets());
        calls.open = &open.Add(labels);
        for (std::size_t code = 0; code < kCodes.size(); ++code) {
          labels["grpc_code"] = kCodes[code];
          calls.handled[code] = &handled.Add(labels);
        }
      }
    }
    auto& assignments =
        BuildCounter()
            .Name("dispatch_mock_assignments_total")
            .Help("Assignments reviewed, by the decision; replay: it had been taken for the id before.")
            .Register(*registry_);
    for (std::size_t accepted = 0; accepted < 2; ++accepted) {
      for (std::size_t replay = 0; replay < 2; ++replay) {
        decided_[accepted][replay] = &assignments.Add({{"decision", accepted != 0 ? "accepted" : "rejected"},
                                                       {"replay", replay != 0 ? "true" : "false"}});
      }
    }
    auto& faults = BuildCounter()
                       .Name("dispatch_mock_faults_total")
                       .Help("Calls, messages and connections that met a fault, by its kind.")
                       .Register(*registry_);
    for (std::size_t kind = 0; kind < kFaultKinds; ++kind) {
      faults_[kind] = &faults.Add({{"kind", std::string(FaultName(static_cast<FaultKind>(kind)))}});
    }
    BuildGauge()
        .Name("dispatch_mock_build_info")
        .Help("1; its label says what runs.")
        .Register(*registry_)
        .Add({{"version", std::string(version)}})
        .Set(1);
  }

  struct OfMethod {
    prometheus::Counter* started = nullptr;
    prometheus::Counter* received = nullptr;
    prometheus::Counter* sent = nullptr;
    prometheus::Histogram* seconds = nullptr;
    prometheus::Gauge* open = nullptr;
    std::array<prometheus::Counter*, kCodes.size()> handled{};
  };

  OfMethod& Calls(Method method, std::size_t listen) {
    return calls_[listen][static_cast<std::size_t>(method)];
  }
  prometheus::Counter& Decided(const Decision& decision) {
    return *decided_[decision.accepted ? 1 : 0][decision.replay ? 1 : 0];
  }
  prometheus::Counter& Met(FaultKind kind) { return *faults_[static_cast<std::size_t>(kind)]; }

  absl::StatusOr<int> Expose(const std::string& address) {
    try {
      exposer_ = std::make_unique<prometheus::Exposer>(address, kThreads);
      exposer_->RegisterCollectable(registry_);
      return exposer_->GetListeningPorts().front();
    } catch (const std::exception& error) {
      return absl::UnavailableError(fmt::format("cannot listen on {}: {}", address, error.what()));
    }
  }

  std::vector<prometheus::MetricFamily> Collect() const { return registry_->Collect(); }

 private:
  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  std::vector<std::array<OfMethod, kMethods>> calls_;
  std::array<std::array<prometheus::Counter*, 2>, 2> decided_{};
  std::array<prometheus::Counter*, kFaultKinds> faults_{};
  // First to go: it asks the registry.
  std::unique_ptr<prometheus::Exposer> exposer_;
};

PrometheusMetrics::PrometheusMetrics(std::size_t backends, std::string_view version)
    : series_(std::make_unique<Series>(backends, version)) {}

PrometheusMetrics::~PrometheusMetrics() = default;

absl::StatusOr<std::string> PrometheusMetrics::Expose(std::string_view address) {
  const absl::StatusOr<ListenAddress> listen = ListenAddress::Parse(address);
  if (!listen.ok()) {
    return absl::InvalidArgumentError(fmt::format("metrics: {}", std::string(listen.status().message())));
  }
  if (listen->is_unix())
    return absl::InvalidArgumentError("metrics: a Unix socket is not served; use host:port");
  // The HTTP server does not tell why it cannot.
  if (absl::Status status = listen->CheckBindable(); !status.ok()) return status;
  const absl::StatusOr<int> port = series_->Expose(listen->ToString());
  // Debian's civetweb is built without.
  if (!port.ok() && listen->host().find(':') != std::string::npos) {
    return absl::UnavailableError(
        fmt::format("cannot serve metrics at {}: the HTTP library knows no IPv6; use an IPv4 address",
                    listen->ToString()));
  }
  if (!port.ok()) return port.status();
  return listen->WithPort(*port);
}

std::string PrometheusMetrics::Text() const {
  return prometheus::TextSerializer().Serialize(series_->Collect());
}

void PrometheusMetrics::CallStarted(Method method, std::size_t listen) {
  Series::OfMethod& calls = series_->Calls(method, listen);
  calls.started->Increment();
  calls.open->Increment();
}

void PrometheusMetrics::MessageReceived(Method method, std::size_t listen) {
  series_->Calls(method, listen).received->Increment();
}

void PrometheusMetrics::MessageSent(Method method, std::size_t listen) {
  series_->Calls(method, listen).sent->Increment();
}

void PrometheusMetrics::CallEnded(const ObservedCall& call) {
  Series::OfMethod& calls = series_->Calls(call.method, call.listen);
  calls.open->Decrement();
  calls.seconds->Observe(std::chrono::duration<double>(call.duration).count());
  const auto code = static_cast<std::size_t>(call.code);
  calls.handled[code < kCodes.size() ? code : kUnknown]->Increment();
}

void PrometheusMetrics::AssignmentDecided(const Decision& decision) {
  series_->Decided(decision).Increment();
}

void PrometheusMetrics::FaultMet(FaultKind kind) {
  series_->Met(kind).Increment();
}

}  // namespace dispatchctl::mock
