// The telemetry plugin: OpenTelemetry's SDK with its OTLP exporters, under the SDK's observer.
#include "telemetry/plugin.h"

#include <dispatchctl/otel.h>
#include <dispatchctl/version.h>
#include <opentelemetry/exporters/otlp/otlp_http_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_exporter_options.h>
#include <opentelemetry/exporters/otlp/otlp_http_metric_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_metric_exporter_options.h>
#include <opentelemetry/metrics/noop.h>
#include <opentelemetry/sdk/common/global_log_handler.h>
#include <opentelemetry/sdk/metrics/aggregation/aggregation_config.h>
#include <opentelemetry/sdk/metrics/export/periodic_exporting_metric_reader_factory.h>
#include <opentelemetry/sdk/metrics/export/periodic_exporting_metric_reader_options.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/push_metric_exporter.h>
#include <opentelemetry/sdk/metrics/view/instrument_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/meter_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/view_factory.h>
#include <opentelemetry/sdk/metrics/view/view_registry_factory.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <opentelemetry/sdk/trace/batch_span_processor_factory.h>
#include <opentelemetry/sdk/trace/batch_span_processor_options.h>
#include <opentelemetry/sdk/trace/exporter.h>
#include <opentelemetry/sdk/trace/processor.h>
#include <opentelemetry/sdk/trace/sampler.h>
#include <opentelemetry/sdk/trace/samplers/always_off_factory.h>
#include <opentelemetry/sdk/trace/samplers/always_on_factory.h>
#include <opentelemetry/sdk/trace/samplers/parent_factory.h>
#include <opentelemetry/sdk/trace/samplers/trace_id_ratio_factory.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/trace/noop.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace {

using dispatchctl::Observer;
using dispatchctl::cli::TelemetryExporter;
using dispatchctl::cli::TelemetrySignals;

namespace logging = opentelemetry::sdk::common::internal_log;
namespace metrics_sdk = opentelemetry::sdk::metrics;
namespace nostd = opentelemetry::nostd;
namespace otlp = opentelemetry::exporter::otlp;
namespace resources = opentelemetry::sdk::resource;
namespace trace_sdk = opentelemetry::sdk::trace;

// The first thing that OpenTelemetry complains of; it would write to stderr itself.
class FirstComplaint final : public logging::LogHandler {
 public:
  void Handle(logging::LogLevel level, const char*, int, const char* message,
              const opentelemetry::sdk::common::AttributeMap&) noexcept override {
    if (level != logging::LogLevel::Error || message == nullptr) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!text_.empty()) return;
    constexpr std::size_t kLongest = 300;
    text_ = std::string_view(message).substr(0, kLongest);
    for (char& c : text_) {
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
  }

  std::string text() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

// OpenTelemetry's own pointers do not convert between classes.
template <class Base, class Derived>
nostd::shared_ptr<Base> Shared(const std::shared_ptr<Derived>& pointer) {
  return nostd::shared_ptr<Base>(std::shared_ptr<Base>(pointer));
}

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before what is known of the program.
resources::Resource ThisProgram() {
  const std::string version(dispatchctl::kVersion);
  const resources::Resource of_environment = resources::Resource::Create({});
  const auto& attributes = of_environment.GetAttributes();
  const auto name = attributes.find("service.name");
  const bool named = name != attributes.end() && nostd::holds_alternative<std::string>(name->second) &&
                     nostd::get<std::string>(name->second).rfind("unknown_service", 0) != 0;
  if (named) return of_environment;
  return resources::Resource::Create({{"service.name", "dispatchctl"}, {"service.version", version}});
}

// OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG; what is not known is taken as the default.
std::unique_ptr<trace_sdk::Sampler> WantedSampler() {
  std::string name = Variable("OTEL_TRACES_SAMPLER");
  constexpr std::string_view kParentBased = "parentbased_";
  const bool parent_based = name.empty() || name.rfind(kParentBased, 0) == 0;
  if (!name.empty() && parent_based) name.erase(0, kParentBased.size());
  std::unique_ptr<trace_sdk::Sampler> sampler;
  if (name == "always_off") {
    sampler = trace_sdk::AlwaysOffSamplerFactory::Create();
  } else if (name == "traceidratio") {
    const std::string ratio = Variable("OTEL_TRACES_SAMPLER_ARG");
    sampler = trace_sdk::TraceIdRatioBasedSamplerFactory::Create(
        ratio.empty() ? 1.0 : std::strtod(ratio.c_str(), nullptr));
  } else {
    sampler = trace_sdk::AlwaysOnSamplerFactory::Create();
  }
  if (!parent_based) return sampler;
  return trace_sdk::ParentBasedSamplerFactory::Create(
      std::shared_ptr<trace_sdk::Sampler>(std::move(sampler)));
}

// The boundaries of gRFC A66: OpenTelemetry's own are made for milliseconds.
std::unique_ptr<metrics_sdk::ViewRegistry> Views() {
  auto views = metrics_sdk::ViewRegistryFactory::Create();
  for (const char* name :
       {"grpc.client.attempt.duration", "grpc.client.call.duration", "grpc.client.call.retry_delay"}) {
    auto boundaries = std::make_shared<metrics_sdk::HistogramAggregationConfig>();
    boundaries->boundaries_ = {0,     0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002,
                               0.003, 0.004,   0.005,   0.006,  0.008,  0.01,   0.013,  0.016, 0.02,
                               0.025, 0.03,    0.04,    0.05,   0.065,  0.08,   0.1,    0.13,  0.16,
                               0.2,   0.25,    0.3,     0.4,    0.5,    0.65,   0.8,    1,     2,
                               5,     10,      20,      50,     100};
    views->AddView(
        metrics_sdk::InstrumentSelectorFactory::Create(metrics_sdk::InstrumentType::kHistogram, name, "s"),
        metrics_sdk::MeterSelectorFactory::Create("dispatchctl", "", ""),
        metrics_sdk::ViewFactory::Create(name, "", "s", metrics_sdk::AggregationType::kHistogram,
                                         std::move(boundaries)));
  }
  return views;
}

class OtlpExporter final : public TelemetryExporter {
 public:
  explicit OtlpExporter(const TelemetrySignals& signals) {
    logging::GlobalLogHandler::SetLogHandler(Shared<logging::LogHandler>(complaint_));
    const resources::Resource program = ThisProgram();
    dispatchctl::OpenTelemetryOptions options;
    options.tracer_provider = nostd::shared_ptr<opentelemetry::trace::TracerProvider>(
        new opentelemetry::trace::NoopTracerProvider());
    options.meter_provider = nostd::shared_ptr<opentelemetry::metrics::MeterProvider>(
        new opentelemetry::metrics::NoopMeterProvider());
    if (signals.traces) {
      auto processor =
          trace_sdk::BatchSpanProcessorFactory::Create(otlp::OtlpHttpExporterFactory::Create(), {});
      tracers_ = std::make_shared<trace_sdk::TracerProvider>(std::move(processor), program, WantedSampler());
      options.tracer_provider = Shared<opentelemetry::trace::TracerProvider>(tracers_);
    }
    if (signals.metrics) {
      meters_ = std::make_shared<metrics_sdk::MeterProvider>(Views(), program);
      meters_->AddMetricReader(metrics_sdk::PeriodicExportingMetricReaderFactory::Create(
          otlp::OtlpHttpMetricExporterFactory::Create(),
          metrics_sdk::PeriodicExportingMetricReaderOptions()));
      options.meter_provider = Shared<opentelemetry::metrics::MeterProvider>(meters_);
    }
    observer_ = dispatchctl::MakeOpenTelemetryObserver(options);
  }

  std::shared_ptr<Observer> observer() override { return observer_; }

  std::string Finish(std::chrono::milliseconds timeout) noexcept override {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    const auto left = [&] {
      return std::max(
          std::chrono::duration_cast<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now()),
          std::chrono::microseconds(1));
    };
    bool done = tracers_ == nullptr || tracers_->ForceFlush(left());
    done = (meters_ == nullptr || meters_->ForceFlush(left())) && done;
    if (tracers_ != nullptr) tracers_->Shutdown(left());
    if (meters_ != nullptr) meters_->Shutdown(left());
    std::string complaint = complaint_->text();
    if (complaint.empty() && !done) complaint = "the OTLP endpoint did not take it";
    return complaint;
  }

 private:
  const std::shared_ptr<FirstComplaint> complaint_ = std::make_shared<FirstComplaint>();
  std::shared_ptr<trace_sdk::TracerProvider> tracers_;
  std::shared_ptr<metrics_sdk::MeterProvider> meters_;
  std::shared_ptr<Observer> observer_;
};

}  // namespace

extern "C" DISPATCHCTL_EXPORT TelemetryExporter* dispatchctl_start_telemetry_exporter_v0_1(
    const TelemetrySignals& signals) noexcept {
  try {
    // Lives as long as the process, whose end takes nothing apart.
    return new OtlpExporter(signals);
  } catch (...) {
    return nullptr;
  }
}
