#include "commands/lookup_records.h"

#include <cstdint>
#include <string>

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kLeastColumnWidth = 14;

}  // namespace

std::vector<Column> LookupColumns(bool may_be_stale) {
  std::vector<Column> columns = ColumnsOf<CourierStatus>(kLeastColumnWidth);
  if (may_be_stale) {
    columns.push_back({.name = "stale"});
    columns.push_back({.name = "age_ms"});
  }
  return columns;
}

void WriteCourier(RecordStream& records, const CourierStatus& status,
                  std::optional<std::chrono::nanoseconds> stale_age) {
  records.Write([&](RecordFormat& format, std::string& out) {
    WriteFields(format, out, status);
    if (!stale_age.has_value()) return;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(*stale_age);
    format.BoolField(out, "stale", true);
    format.NumberField(out, "age_ms", static_cast<std::uint64_t>(age.count()));
  });
}

void WriteLookupFailure(RecordStream& records, std::string_view courier_id, std::uint64_t line,
                        const ErrorReport& error) {
  records.Write([&](RecordFormat& format, std::string& out) {
    if (courier_id.empty()) {
      format.NumberField(out, "line", line);
    } else {
      format.TextField(out, "courier_id", courier_id);
    }
    format.Error(out, error);
  });
}

}  // namespace dispatchctl::cli
