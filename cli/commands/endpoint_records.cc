#include "commands/endpoint_records.h"

#include <dispatchctl/circuit_breaker.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdint>

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
  columns.push_back({.name = table ? "latency" : "latency_us", .least_width = 10});
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
    if (table) {
      out_format.TextField(out, "latency",
                           endpoint.latency.has_value() ? Milliseconds(*endpoint.latency) : "-");
    } else if (endpoint.latency.has_value()) {
      const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(*endpoint.latency);
      out_format.NumberField(out, "latency_us", static_cast<std::uint64_t>(latency.count()));
    } else {
      out_format.NullField(out, "latency_us");
    }
    out_format.NumberField(out, "successes", endpoint.successes);
    out_format.NumberField(out, "failures", endpoint.failures);
    if (table) return;
    out_format.NumberField(out, "rejections", endpoint.rejections);
    out_format.BoolField(out, "slow", endpoint.slow);
    out_format.TextField(out, "last_error", endpoint.last_error);
  });
}

std::string UtcTime(std::chrono::system_clock::time_point time) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()) % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::floor<std::chrono::seconds>(time)), milliseconds.count());
}

}  // namespace dispatchctl::cli
