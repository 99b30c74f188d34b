// What the OpenTelemetry observer costs a call with one attempt, on OpenTelemetry's own SDK: without
// providers, with metrics, and with spans that are sampled or not. What is exported goes nowhere.
#include <absl/status/status.h>
#include <benchmark/benchmark.h>
#include <dispatchctl/otel.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/meter_provider_factory.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <opentelemetry/sdk/trace/batch_span_processor_factory.h>
#include <opentelemetry/sdk/trace/batch_span_processor_options.h>
#include <opentelemetry/sdk/trace/exporter.h>
#include <opentelemetry/sdk/trace/samplers/always_off_factory.h>
#include <opentelemetry/sdk/trace/samplers/always_on_factory.h>
#include <opentelemetry/sdk/trace/span_data.h>
#include <opentelemetry/sdk/trace/tracer_provider_factory.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace metrics_sdk = opentelemetry::sdk::metrics;
namespace nostd = opentelemetry::nostd;
namespace sdk = opentelemetry::sdk;
namespace trace_sdk = opentelemetry::sdk::trace;
using dispatchctl::OpenTelemetryOptions;

class Discard final : public trace_sdk::SpanExporter {
 public:
  std::unique_ptr<trace_sdk::Recordable> MakeRecordable() noexcept override {
    return std::make_unique<trace_sdk::SpanData>();
  }
  sdk::common::ExportResult Export(
      const nostd::span<std::unique_ptr<trace_sdk::Recordable>>&) noexcept override {
    return sdk::common::ExportResult::kSuccess;
  }
  bool ForceFlush(std::chrono::microseconds) noexcept override { return true; }
  bool Shutdown(std::chrono::microseconds) noexcept override { return true; }
};

nostd::shared_ptr<opentelemetry::trace::TracerProvider> Tracers(std::unique_ptr<trace_sdk::Sampler> sampler) {
  auto processor = trace_sdk::BatchSpanProcessorFactory::Create(std::make_unique<Discard>(), {});
  return nostd::shared_ptr<opentelemetry::trace::TracerProvider>(
      trace_sdk::TracerProviderFactory::Create(std::move(processor), sdk::resource::Resource::Create({}),
                                               std::move(sampler))
          .release());
}

nostd::shared_ptr<opentelemetry::metrics::MeterProvider> Meters() {
  return nostd::shared_ptr<opentelemetry::metrics::MeterProvider>(
      metrics_sdk::MeterProviderFactory::Create().release());
}

void Calls(benchmark::State& state, const OpenTelemetryOptions& options) {
  const std::shared_ptr<dispatchctl::Observer> observer = dispatchctl::MakeOpenTelemetryObserver(options);
  const dispatchctl::TraceContext none;
  const absl::Status ok;
  dispatchctl::CallReport report;
  report.attempts = 1;
  const std::string target = "127.0.0.1:50051";
  for (auto _ : state) {
    auto call = observer->OnCallStarted(
        {.method = "dispatchpb.DispatchGateway/GetCourierStatus", .target = target, .parent = none});
    std::vector<std::pair<std::string, std::string>> headers;
    call->OnAttemptStarted({.number = 1, .endpoint = target}, headers);
    call->OnAttemptEnded(
        {.number = 1, .endpoint = target, .status = ok, .elapsed = std::chrono::microseconds(50)});
    call->OnEnded({.status = ok, .report = report});
    benchmark::DoNotOptimize(headers);
  }
}

void WithoutProviders(benchmark::State& state) {
  Calls(state, {});
}
BENCHMARK(WithoutProviders);

void Metrics(benchmark::State& state) {
  OpenTelemetryOptions options;
  options.meter_provider = Meters();
  Calls(state, options);
}
BENCHMARK(Metrics);

void SpansNotSampled(benchmark::State& state) {
  OpenTelemetryOptions options;
  options.tracer_provider = Tracers(trace_sdk::AlwaysOffSamplerFactory::Create());
  Calls(state, options);
}
BENCHMARK(SpansNotSampled);

void SpansSampled(benchmark::State& state) {
  OpenTelemetryOptions options;
  options.tracer_provider = Tracers(trace_sdk::AlwaysOnSamplerFactory::Create());
  Calls(state, options);
}
BENCHMARK(SpansSampled);

}  // namespace

BENCHMARK_MAIN();
