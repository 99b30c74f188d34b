#include <opentelemetry/context/context.h>
#include <opentelemetry/context/propagation/text_map_propagator.h>
#include <opentelemetry/metrics/meter.h>
#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/trace/context.h>
#include <opentelemetry/trace/propagation/http_trace_context.h>
#include <opentelemetry/trace/span.h>
#include <opentelemetry/trace/span_startoptions.h>
#include <opentelemetry/trace/tracer.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dispatchctl/assignment_stream.h"
#include "dispatchctl/otel.h"
#include "dispatchctl/version.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {
namespace {

namespace context = opentelemetry::context;
namespace metrics = opentelemetry::metrics;
namespace nostd = opentelemetry::nostd;
namespace trace = opentelemetry::trace;

using Headers = std::vector<std::pair<std::string, std::string>>;
using SpanPointer = nostd::shared_ptr<trace::Span>;

nostd::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

// "OK", "UNAVAILABLE": gRPC's names, as absl has them.
std::string StatusName(const absl::Status& status) {
  return absl::StatusCodeToString(status.code());
}

void End(trace::Span& span, const absl::Status& status) {
  span.SetAttribute("rpc.grpc.status_code", static_cast<std::int64_t>(status.code()));
  if (!status.ok()) {
    span.SetStatus(trace::StatusCode::kError, {status.message().data(), status.message().size()});
  }
  span.End();
}

class HeaderCarrier final : public context::propagation::TextMapCarrier {
 public:
  explicit HeaderCarrier(Headers& headers) : headers_(headers) {}
  nostd::string_view Get(nostd::string_view key) const noexcept override {
    const auto found = std::find_if(headers_.begin(), headers_.end(),
                                    [&](const auto& header) { return View(header.first) == key; });
    return found == headers_.end() ? nostd::string_view() : View(found->second);
  }
  void Set(nostd::string_view key, nostd::string_view value) noexcept override {
    headers_.emplace_back(std::string(key.data(), key.size()), std::string(value.data(), value.size()));
  }

 private:
  Headers& headers_;
};

context::Context Remote(const TraceContext& parent) {
  Headers headers = {{"traceparent", parent.traceparent}};
  if (!parent.tracestate.empty()) headers.emplace_back("tracestate", parent.tracestate);
  context::Context none;
  return trace::propagation::HttpTraceContext().Extract(HeaderCarrier(headers), none);
}

// What all calls of the observer share.
struct Instruments {
  explicit Instruments(const OpenTelemetryOptions& options)
      : tracer(options.tracer_provider->GetTracer("dispatchctl", View(kVersion))),
        meter(options.meter_provider->GetMeter("dispatchctl", View(kVersion))),
        attempts_started(meter->CreateUInt64Counter(
            "grpc.client.attempt.started", "Attempts started, whether or not they have ended.", "{attempt}")),
        attempt_duration(meter->CreateDoubleHistogram("grpc.client.attempt.duration",
                                                      "Time from an attempt's start to its end.", "s")),
        call_duration(meter->CreateDoubleHistogram("grpc.client.call.duration",
                                                   "Time from a call's start to its end.", "s")),
        call_retries(meter->CreateUInt64Histogram("grpc.client.call.retries",
                                                  "Retries of a call; of calls that had any.", "{retry}")),
        call_hedges(meter->CreateUInt64Histogram("grpc.client.call.hedges",
                                                 "Hedges of a call; of calls that had any.", "{hedge}")),
        call_retry_delay(
            meter->CreateDoubleHistogram("grpc.client.call.retry_delay",
                                         "Pauses of a call before its retries; of calls that had any.", "s")),
        endpoints(meter->CreateInt64UpDownCounter(
            "dispatchctl.client.endpoints", "Endpoints, by the state of their connection.", "{endpoint}")),
        breaker_changes(meter->CreateUInt64Counter("dispatchctl.client.breaker.changes",
                                                   "Changes of circuit breakers, by the state entered.",
                                                   "{change}")),
        stream_interruptions(meter->CreateUInt64Counter(
            "dispatchctl.client.stream.interruptions", "Streams lost and to be resumed.", "{interruption}")) {
  }

  nostd::shared_ptr<trace::Tracer> tracer;
  nostd::shared_ptr<metrics::Meter> meter;
  nostd::unique_ptr<metrics::Counter<std::uint64_t>> attempts_started;
  nostd::unique_ptr<metrics::Histogram<double>> attempt_duration;
  nostd::unique_ptr<metrics::Histogram<double>> call_duration;
  nostd::unique_ptr<metrics::Histogram<std::uint64_t>> call_retries;
  nostd::unique_ptr<metrics::Histogram<std::uint64_t>> call_hedges;
  nostd::unique_ptr<metrics::Histogram<double>> call_retry_delay;
  nostd::unique_ptr<metrics::UpDownCounter<std::int64_t>> endpoints;
  nostd::unique_ptr<metrics::Counter<std::uint64_t>> breaker_changes;
  nostd::unique_ptr<metrics::Counter<std::uint64_t>> stream_interruptions;
};

class OpenTelemetryCall final : public CallObserver {
 public:
  OpenTelemetryCall(Instruments& instruments, const CallStarted& call)
      : instruments_(instruments), method_(call.method), target_(call.target) {
    trace::StartSpanOptions options;
    options.kind = trace::SpanKind::kClient;
    if (!call.parent.traceparent.empty()) options.parent = Remote(call.parent);
    const std::size_t slash = method_.find('/');
    span_ = instruments_.tracer->StartSpan(SpanName("Sent."),
                                           {{"rpc.system", "grpc"},
                                            {"rpc.service", View(std::string_view(method_).substr(0, slash))},
                                            {"rpc.method", View(std::string_view(method_).substr(slash + 1))},
                                            {"grpc.target", View(target_)}},
                                           options);
  }

  void OnAttemptStarted(const AttemptStarted& attempt, Headers& headers) override {
    instruments_.attempts_started->Add(1, {{"grpc.method", View(method_)}, {"grpc.target", View(target_)}});
    trace::StartSpanOptions options;
    options.kind = trace::SpanKind::kClient;
    options.parent = span_->GetContext();
    SpanPointer span = instruments_.tracer->StartSpan(
        SpanName("Attempt."),
        {{"rpc.system", "grpc"},
         {"previous-rpc-attempts", static_cast<std::int64_t>(attempt.number - 1)},
         {"transparent-retry", false},
         {"dispatchctl.hedge", attempt.hedge},
         {"network.peer.address", View(HostOf(attempt.endpoint))}},
        options);
    if (const std::string_view port = PortOf(attempt.endpoint); !port.empty()) {
      std::int64_t number = 0;
      for (const char digit : port) number = number * 10 + (digit - '0');
      span->SetAttribute("network.peer.port", number);
    }
    context::Context none;
    HeaderCarrier carrier(headers);
    trace::propagation::HttpTraceContext().Inject(carrier, trace::SetSpan(none, span));
    attempts_.emplace_back(attempt.number, std::move(span));
  }

  void OnAttemptEnded(const AttemptEnded& attempt) override {
    const std::string status = StatusName(attempt.status);
    instruments_.attempt_duration->Record(
        Seconds(attempt.elapsed),
        {{"grpc.method", View(method_)}, {"grpc.target", View(target_)}, {"grpc.status", View(status)}},
        context::Context());
    const auto found = std::find_if(attempts_.begin(), attempts_.end(),
                                    [&](const auto& open) { return open.first == attempt.number; });
    if (found == attempts_.end()) return;
    End(*found->second, attempt.status);
    attempts_.erase(found);
  }

  void OnBackoff(const Backoff& backoff) override {
    retry_delay_ += backoff.delay;
    span_->AddEvent(
        "backoff", {{"dispatchctl.backoff.delay", Seconds(backoff.delay)},
                    {"dispatchctl.backoff.after_attempt", static_cast<std::int64_t>(backoff.after_attempt)}});
  }

  void OnStreamOpened(const StreamProgress& stream) override { AddEvent("stream opened", stream); }
  void OnStreamInterrupted(const StreamProgress& stream) override {
    instruments_.stream_interruptions->Add(1,
                                           {{"grpc.method", View(method_)}, {"grpc.target", View(target_)}});
    AddEvent("stream interrupted", stream);
  }
  void OnStreamResumed(const StreamProgress& stream) override { AddEvent("stream resumed", stream); }
  void OnStreamEnded(const StreamProgress& stream) override { AddEvent("stream ended", stream); }

  void OnEnded(const CallEnded& call) override {
    const std::string status = StatusName(call.status);
    instruments_.call_duration->Record(
        Seconds(call.report.elapsed),
        {{"grpc.method", View(method_)}, {"grpc.target", View(target_)}, {"grpc.status", View(status)}},
        context::Context());
    // Reopening a stream is what it is for, and told as an interruption.
    if (call.statistics == nullptr) RecordRepetitions(call.report);
    if (call.report.stale) span_->SetAttribute("dispatchctl.stale", true);
    End(*span_, call.status);
  }

 private:
  static std::size_t PortAt(std::string_view endpoint) {
    const std::size_t colon = endpoint.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == endpoint.size()) return std::string_view::npos;
    const std::string_view port = endpoint.substr(colon + 1);
    return port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos
               ? colon
               : std::string_view::npos;
  }
  static std::string_view HostOf(std::string_view endpoint) { return endpoint.substr(0, PortAt(endpoint)); }
  static std::string_view PortOf(std::string_view endpoint) {
    const std::size_t at = PortAt(endpoint);
    return at == std::string_view::npos ? std::string_view() : endpoint.substr(at + 1);
  }

  // As gRPC's plugins spell it.
  std::string SpanName(std::string_view before) const {
    std::string name(before);
    name += method_;
    std::replace(name.begin(), name.end(), '/', '.');
    return name;
  }

  void AddEvent(nostd::string_view name, const StreamProgress& stream) {
    const std::string status = StatusName(stream.status);
    span_->AddEvent(
        name, {{"dispatchctl.stream", static_cast<std::int64_t>(stream.stream)},
               {"dispatchctl.endpoint", View(stream.endpoint)},
               {"grpc.status", View(status)},
               {"dispatchctl.stream.unacknowledged", static_cast<std::int64_t>(stream.unacknowledged)},
               {"dispatchctl.stream.acknowledged", static_cast<std::int64_t>(stream.statistics.acknowledged)},
               {"dispatchctl.stream.resent", static_cast<std::int64_t>(stream.statistics.resent)}});
  }

  void RecordRepetitions(const CallReport& report) {
    const int retries = report.attempts - 1 - report.hedges;
    const auto record = [&](auto& histogram, auto value) {
      histogram.Record(value, {{"grpc.method", View(method_)}, {"grpc.target", View(target_)}},
                       context::Context());
    };
    if (retries > 0) record(*instruments_.call_retries, static_cast<std::uint64_t>(retries));
    if (report.hedges > 0) record(*instruments_.call_hedges, static_cast<std::uint64_t>(report.hedges));
    if (retry_delay_.count() > 0) record(*instruments_.call_retry_delay, Seconds(retry_delay_));
  }

  Instruments& instruments_;
  const std::string method_;
  const std::string target_;
  SpanPointer span_;
  std::vector<std::pair<int, SpanPointer>> attempts_;  // under way, by their number
  std::chrono::nanoseconds retry_delay_{0};
};

class OpenTelemetryObserver final : public Observer {
 public:
  explicit OpenTelemetryObserver(const OpenTelemetryOptions& options) : instruments_(options) {}

  std::unique_ptr<CallObserver> OnCallStarted(const CallStarted& call) override {
    return std::make_unique<OpenTelemetryCall>(instruments_, call);
  }

  void OnEndpointAdded(const EndpointAdded& added) override { Count(1, added.target, EndpointState::kIdle); }
  void OnEndpointRemoved(const EndpointRemoved& removed) override {
    Count(-1, removed.target, removed.state);
  }
  void OnConnectivityChanged(const ConnectivityChanged& change) override {
    Count(-1, change.target, change.from);
    Count(1, change.target, change.to);
  }
  void OnBreakerChanged(const BreakerChanged& change) override {
    const std::string state = BreakerStateName(change.to);
    instruments_.breaker_changes->Add(1, {{"grpc.target", View(change.target)},
                                          {"dispatchctl.endpoint", View(change.endpoint)},
                                          {"dispatchctl.breaker.state", View(state)}});
  }

 private:
  void Count(std::int64_t by, std::string_view target, EndpointState state) {
    instruments_.endpoints->Add(
        by, {{"grpc.target", View(target)}, {"dispatchctl.endpoint.state", View(EndpointStateName(state))}});
  }

  Instruments instruments_;
};

}  // namespace

std::shared_ptr<Observer> MakeOpenTelemetryObserver(const OpenTelemetryOptions& options) {
  return std::make_shared<OpenTelemetryObserver>(options);
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
