#include "commands/lookup_records.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kLeastColumnWidth = 14;

}  // namespace

std::vector<Column> LookupColumns() {
  return ColumnsOf<CourierStatus>(kLeastColumnWidth);
}

void WriteCourier(RecordStream& records, const CourierStatus& status) {
  records.Write([&](RecordFormat& format, std::string& out) { WriteFields(format, out, status); });
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
