#pragma once

#include <dispatchctl/trace_context.h>

#include <optional>
#include <string>
#include <vector>

#include "config/environment.h"
#include "telemetry/plugin.h"

namespace dispatchctl::cli {

/// What the standard OTEL_* variables ask for. Unset: no telemetry, as no OTLP endpoint is named,
/// OTEL_SDK_DISABLED is true or both exporters are "none". What is asked for and cannot be had is added to
/// `warnings`.
std::optional<TelemetrySignals> WantedTelemetry(const Environment& environment,
                                                std::vector<std::string>& warnings);

/// The trace that TRACEPARENT and TRACESTATE name; none if they are unset or, with a warning, not of W3C
/// Trace Context.
TraceContext TraceContextOf(const Environment& environment, std::vector<std::string>& warnings);

}  // namespace dispatchctl::cli
