#pragma once

#include <opentelemetry/metrics/meter_provider.h>
#include <opentelemetry/metrics/provider.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/tracer_provider.h>

#include <memory>

#include "dispatchctl/export.h"
#include "dispatchctl/observer.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// Where the telemetry of a client goes; neither may be null. By default to the providers that the process
/// has set, as they are when this is made.
struct OpenTelemetryOptions {
  opentelemetry::nostd::shared_ptr<opentelemetry::trace::TracerProvider> tracer_provider =
      opentelemetry::trace::Provider::GetTracerProvider();
  opentelemetry::nostd::shared_ptr<opentelemetry::metrics::MeterProvider> meter_provider =
      opentelemetry::metrics::Provider::GetMeterProvider();
};

/// An observer for ClientOptions::observer that makes spans and metrics of what it is told, with the names of
/// gRPC's own OpenTelemetry plugin (gRFC A66, A72, A96) as far as they go. It stands on OpenTelemetry's API
/// alone: sampling, views, exporters and the end of them are whoever's who has set the providers.
///
/// Spans: `Sent.<method>` for a call, whose parent is CallOptions::trace_context where that is set, else the
/// span that is active on the thread that makes the call; and for each attempt a child `Attempt.<method>`,
/// whose context goes over the wire as W3C `traceparent` and `tracestate`. Pauses and what becomes of a
/// stream are events of the call's span.
///
/// Metrics, in seconds where they are durations: `grpc.client.attempt.started`,
/// `grpc.client.attempt.duration`, `grpc.client.call.duration`, `grpc.client.call.retries`,
/// `grpc.client.call.hedges`, `grpc.client.call.retry_delay`; `dispatchctl.client.endpoints` by the state of
/// their connection, `dispatchctl.client.breaker.changes` and `dispatchctl.client.stream.interruptions`.
/// docs/guide.md has their attributes.
///
/// May be given to several clients. Ids of couriers and assignments appear nowhere but in the texts of
/// errors, which are the status of spans.
DISPATCHCTL_EXPORT std::shared_ptr<Observer> MakeOpenTelemetryObserver(
    const OpenTelemetryOptions& options = {});

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
