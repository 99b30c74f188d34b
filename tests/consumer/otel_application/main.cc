// Looks a courier up and prints the names of the spans that the process's own provider got.
#include <dispatchctl/client.h>
#include <dispatchctl/otel.h>
#include <opentelemetry/exporters/memory/in_memory_span_data.h>
#include <opentelemetry/exporters/memory/in_memory_span_exporter_factory.h>
#include <opentelemetry/sdk/trace/exporter.h>
#include <opentelemetry/sdk/trace/processor.h>
#include <opentelemetry/sdk/trace/simple_processor_factory.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/trace/provider.h>

#include <iostream>
#include <memory>
#include <utility>

namespace memory = opentelemetry::exporter::memory;
namespace nostd = opentelemetry::nostd;
namespace trace = opentelemetry::trace;
namespace trace_sdk = opentelemetry::sdk::trace;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::shared_ptr<memory::InMemorySpanData> data;
  auto processor =
      trace_sdk::SimpleSpanProcessorFactory::Create(memory::InMemorySpanExporterFactory::Create(data));
  trace::Provider::SetTracerProvider(
      nostd::shared_ptr<trace::TracerProvider>(new trace_sdk::TracerProvider(std::move(processor))));

  dispatchctl::ClientOptions options;
  options.target = argv[1];
  options.observer = dispatchctl::MakeOpenTelemetryObserver();
  const absl::StatusOr<dispatchctl::Client> client = dispatchctl::Client::Create(std::move(options));
  if (!client.ok() || !client->GetCourierStatus("courier-1").ok()) return 1;
  for (const auto& span : data->GetSpans()) std::cout << span->GetName() << '\n';
}
