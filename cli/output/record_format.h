#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "output/error_report.h"

namespace dispatchctl::cli {

/// How wide a table's column is at least; rows are printed as they come, before later ones are known.
struct Column {
  std::string name;
  std::size_t least_width = 0;
};

/// Turns records into text. One record: StartRecord, its fields in column order (any of them may be left
/// out), perhaps Error, EndRecord. Everything is appended to `out`.
class RecordFormat {
 public:
  virtual ~RecordFormat() = default;

  /// What comes before the first record.
  virtual void Begin(std::string& out) = 0;
  virtual void StartRecord(std::string& out) = 0;
  virtual void TextField(std::string& out, std::string_view name, std::string_view value) = 0;
  virtual void BoolField(std::string& out, std::string_view name, bool value) = 0;
  virtual void NumberField(std::string& out, std::string_view name, std::uint64_t value) = 0;
  /// A field that has no value for this record.
  virtual void NullField(std::string& out, std::string_view name) = 0;
  virtual void Error(std::string& out, const ErrorReport& error) = 0;
  virtual void EndRecord(std::string& out) = 0;
  /// What comes after the last record.
  virtual void End(std::string& out) = 0;
};

std::unique_ptr<RecordFormat> MakeNdjsonFormat();
/// One array; `single` instead gives the one record alone.
std::unique_ptr<RecordFormat> MakeJsonFormat(bool single);
/// A header row, then RFC 4180 with a last column "error" that is empty for good records.
std::unique_ptr<RecordFormat> MakeCsvFormat(std::vector<Column> columns);
std::unique_ptr<RecordFormat> MakeTableFormat(std::vector<Column> columns, bool color);

template <class Value>
void WriteField(RecordFormat& format, std::string& out, std::string_view name, const Value& value) {
  if constexpr (std::is_same_v<Value, bool>) {
    format.BoolField(out, name, value);
  } else if constexpr (std::is_integral_v<Value>) {
    format.NumberField(out, name, static_cast<std::uint64_t>(value));
  } else {
    format.TextField(out, name, value);
  }
}

/// Writes every field of one of the SDK's value types, those of later versions included.
template <class Value>
void WriteFields(RecordFormat& format, std::string& out, const Value& value) {
  VisitFields(value, [&](std::string_view name, const auto& field) { WriteField(format, out, name, field); });
}

/// The columns of one of the SDK's value types.
template <class Value>
std::vector<Column> ColumnsOf(std::size_t least_width) {
  std::vector<Column> columns;
  VisitFields(Value{}, [&](std::string_view name, const auto& /*field*/) {
    columns.push_back({.name = std::string(name), .least_width = least_width});
  });
  return columns;
}

}  // namespace dispatchctl::cli
