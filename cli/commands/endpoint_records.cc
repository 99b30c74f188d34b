#include "commands/endpoint_records.h"

#include <dispatchctl/circuit_breaker.h>

#include <cstdint>

#include "output/duration_field.h"
#include "text/quantity.h"

namespace dispatchctl::cli {

std::vector<Column> EndpointColumns(OutputFormat format, bool timed) {
  std::vector<Column> columns;
  if (timed) columns.push_back({.name = "time", .least_width = 24});
  columns.push_back({.name = "address", .least_width = 21});
  columns.push_back({.name = "state", .least_width = 17});
  columns.push_back({.name = "breaker", .least_width = 9});
  columns.push_back({.name = "in_flight"});
  const bool table = format == OutputFormat::kTable;
  columns.push_back({.name = DurationFieldName(format, "latency"), .least_width = 10});
  columns.push_back({.name = "successes"});
  columns.push_back({.name = "failures"});
  if (table) return columns;
  for (const char* name : {"rejections", "slow", "last_error"}) columns.push_back({.name = name});
  return columns;
}

void WriteEndpoint(RecordStream& records, OutputFormat format, const EndpointStatus& endpoint,
                   std::optional<std::chrono::system_clock::time_point> time) {
  const bool table = format == OutputFormat::kTable;
  records.Write([&](RecordFormat& out_format, std::string& out) {
    if (time.has_value()) out_format.TextField(out, "time", UtcTime(*time));
    out_format.TextField(out, "address", endpoint.address);
    out_format.TextField(out, "state", EndpointStateName(endpoint.state));
    out_format.TextField(out, "breaker", BreakerStateName(endpoint.breaker));
    out_format.NumberField(out, "in_flight", endpoint.in_flight);
    WriteDuration(out_format, out, format, "latency", endpoint.latency);
    out_format.NumberField(out, "successes", endpoint.successes);
    out_format.NumberField(out, "failures", endpoint.failures);
    if (table) return;
    out_format.NumberField(out, "rejections", endpoint.rejections);
    out_format.BoolField(out, "slow", endpoint.slow);
    out_format.TextField(out, "last_error", endpoint.last_error);
  });
}

}  // namespace dispatchctl::cli
