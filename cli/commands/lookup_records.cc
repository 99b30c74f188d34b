#include "commands/lookup_records.h"

#include <cstdint>
#include <string>

#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kLeastStatusColumn = 14;

void WriteTime(RecordFormat& format, std::string& out, RecordTime time) {
  if (time.has_value()) format.TextField(out, "time", UtcTime(*time));
}

}  // namespace

std::vector<Column> LookupColumns(bool may_be_stale, bool timed) {
  std::vector<Column> columns = ColumnsOf<CourierStatus>(kLeastStatusColumn);
  if (timed) columns.insert(columns.begin(), {.name = "time", .least_width = 24});
  if (may_be_stale) {
    columns.push_back({.name = "stale"});
    columns.push_back({.name = "age_ms"});
  }
  return columns;
}

void WriteCourier(RecordStream& records, const CourierStatus& status,
                  std::optional<std::chrono::nanoseconds> stale_age, RecordTime time) {
  records.Write([&](RecordFormat& format, std::string& out) {
    WriteTime(format, out, time);
    WriteFields(format, out, status);
    if (!stale_age.has_value()) return;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(*stale_age);
    format.BoolField(out, "stale", true);
    format.NumberField(out, "age_ms", static_cast<std::uint64_t>(age.count()));
  });
}

void WriteLookupFailure(RecordStream& records, std::string_view courier_id, std::uint64_t line,
                        const ErrorReport& error, RecordTime time) {
  records.Write([&](RecordFormat& format, std::string& out) {
    WriteTime(format, out, time);
    if (courier_id.empty()) {
      format.NumberField(out, "line", line);
    } else {
      format.TextField(out, "courier_id", courier_id);
    }
    format.Error(out, error);
  });
}

}  // namespace dispatchctl::cli
