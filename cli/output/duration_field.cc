#include "output/duration_field.h"

#include <algorithm>
#include <cstdint>

#include "text/quantity.h"

namespace dispatchctl::cli {

std::string DurationFieldName(OutputFormat format, std::string_view name) {
  return std::string(name) + (format == OutputFormat::kTable ? "" : "_us");
}

void WriteDuration(RecordFormat& record, std::string& out, OutputFormat format, std::string_view name,
                   std::optional<std::chrono::nanoseconds> time) {
  if (format == OutputFormat::kTable) {
    record.TextField(out, name, time.has_value() ? Milliseconds(*time) : "-");
  } else if (time.has_value()) {
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(*time).count();
    record.NumberField(out, DurationFieldName(format, name),
                       static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
  } else {
    record.NullField(out, DurationFieldName(format, name));
  }
}

}  // namespace dispatchctl::cli
