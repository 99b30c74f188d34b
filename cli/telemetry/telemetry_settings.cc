#include "telemetry/telemetry_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace dispatchctl::cli {
namespace {

// Set to nothing is unset, as OpenTelemetry has it.
std::string_view Value(const Environment& environment, std::string_view name) {
  return environment(name).value_or(std::string_view());
}

bool IsTrue(std::string_view value) {
  constexpr std::string_view kTrue = "true";
  return value.size() == kTrue.size() &&
         std::equal(value.begin(), value.end(), kTrue.begin(),
                    [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

struct SignalVariables {
  std::string_view exporter;
  std::string_view endpoint;
  std::string_view protocol;
};

bool IsWanted(const Environment& environment, const SignalVariables& names,
              std::vector<std::string>& warnings) {
  const std::string_view exporter = Value(environment, names.exporter);
  if (exporter == "none") return false;
  if (Value(environment, names.endpoint).empty() &&
      Value(environment, "OTEL_EXPORTER_OTLP_ENDPOINT").empty()) {
    return false;
  }
  if (!exporter.empty() && exporter != "otlp") {
    warnings.push_back(fmt::format("{} is '{}': only otlp and none are known, nothing is exported of it",
                                   names.exporter, exporter));
    return false;
  }
  std::string_view name = names.protocol;
  if (Value(environment, name).empty()) name = "OTEL_EXPORTER_OTLP_PROTOCOL";
  const std::string_view protocol = Value(environment, name);
  if (!protocol.empty() && protocol != "http/protobuf" && protocol != "http/json") {
    warnings.push_back(
        fmt::format("{} is '{}': only http/protobuf and http/json are spoken (collectors take them at port "
                    "4318), nothing is exported of it",
                    name, protocol));
    return false;
  }
  return true;
}

}  // namespace

std::optional<TelemetrySignals> WantedTelemetry(const Environment& environment,
                                                std::vector<std::string>& warnings) {
  if (IsTrue(Value(environment, "OTEL_SDK_DISABLED"))) return std::nullopt;
  TelemetrySignals signals;
  signals.traces = IsWanted(
      environment,
      {"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"},
      warnings);
  signals.metrics = IsWanted(
      environment,
      {"OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"},
      warnings);
  if (!signals.traces && !signals.metrics) return std::nullopt;
  return signals;
}

TraceContext TraceContextOf(const Environment& environment, std::vector<std::string>& warnings) {
  TraceContext context;
  context.traceparent = Value(environment, "TRACEPARENT");
  if (context.traceparent.empty()) return {};
  context.tracestate = Value(environment, "TRACESTATE");
  const absl::Status status = ValidateTraceContext(context);
  if (status.ok()) return context;
  warnings.push_back(fmt::format("TRACEPARENT and TRACESTATE are ignored: {}",
                                 std::string_view(status.message().data(), status.message().size())));
  return {};
}

}  // namespace dispatchctl::cli
