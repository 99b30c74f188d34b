#include <fmt/format.h>

#include <utility>

#include "output/record_format.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kRowEnd = "\r\n";
constexpr std::string_view kErrorColumn = "error";

void AppendCell(std::string& out, std::string_view value) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

class CsvFormat final : public RecordFormat {
 public:
  explicit CsvFormat(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void Begin(std::string& out) override {
    for (const Column& column : columns_) {
      AppendCell(out, column.name);
      out += ',';
    }
    out += kErrorColumn;
    out += kRowEnd;
  }
  void StartRecord(std::string& /*out*/) override { column_ = 0; }
  void TextField(std::string& out, std::string_view name, std::string_view value) override {
    MoveTo(out, name);
    AppendCell(out, value);
  }
  void BoolField(std::string& out, std::string_view name, bool value) override {
    TextField(out, name, value ? "true" : "false");
  }
  void NumberField(std::string& out, std::string_view name, std::uint64_t value) override {
    TextField(out, name, fmt::format_int(value).str());
  }
  void NullField(std::string& out, std::string_view name) override { TextField(out, name, ""); }
  void Error(std::string& out, const ErrorReport& error) override {
    MoveTo(out, kErrorColumn);
    AppendCell(out, error.code.has_value() ? fmt::format("{}: {}", StatusCodeName(*error.code), error.message)
                                           : error.message);
  }
  void EndRecord(std::string& out) override {
    MoveTo(out, kErrorColumn);
    out += kRowEnd;
  }
  void End(std::string& /*out*/) override {}

 private:
  // Leaves the columns up to `name` empty.
  void MoveTo(std::string& out, std::string_view name) {
    while (column_ < columns_.size() && (column_ == 0 || columns_[column_ - 1].name != name)) {
      if (column_ != 0) out += ',';
      ++column_;
      if (columns_[column_ - 1].name == name) return;
    }
    if (name == kErrorColumn && column_ == columns_.size()) {
      out += ',';
      ++column_;
    }
  }

  std::vector<Column> columns_;
  std::size_t column_ = 0;  // how many have been started
};

}  // namespace

std::unique_ptr<RecordFormat> MakeCsvFormat(std::vector<Column> columns) {
  return std::make_unique<CsvFormat>(std::move(columns));
}

}  // namespace dispatchctl::cli
