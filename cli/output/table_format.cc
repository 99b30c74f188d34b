#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "output/record_format.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kGap = 2;

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

class TableFormat final : public RecordFormat {
 public:
  TableFormat(std::vector<Column> columns, bool color) : columns_(std::move(columns)), color_(color) {
    for (Column& column : columns_) column.least_width = std::max(column.least_width, column.name.size());
  }

  void Begin(std::string& out) override {
    if (color_) out += "\x1b[1m";
    StartRecord(out);
    for (const Column& column : columns_) AppendCell(out, column, Upper(column.name));
    if (color_) out += "\x1b[0m";
    out += '\n';
  }
  void StartRecord(std::string& /*out*/) override {
    column_ = 0;
    padding_ = 0;
  }
  void TextField(std::string& out, std::string_view name, std::string_view value) override {
    cell_.clear();
    AppendPrintable(cell_, value);
    AppendNamed(out, name);
  }
  void BoolField(std::string& out, std::string_view name, bool value) override {
    cell_ = value ? "true" : "false";
    AppendNamed(out, name);
  }
  void NumberField(std::string& out, std::string_view name, std::uint64_t value) override {
    cell_ = fmt::format_int(value).str();
    AppendNamed(out, name);
  }
  void NullField(std::string& out, std::string_view name) override { TextField(out, name, ""); }
  // The message takes what the missing fields leave free.
  void Error(std::string& out, const ErrorReport& error) override {
    out.append(padding_, ' ');
    padding_ = 0;
    if (color_) out += "\x1b[31m";
    if (error.code.has_value()) out += StatusCodeName(*error.code) + ": ";
    AppendPrintable(out, error.message);
    if (color_) out += "\x1b[0m";
  }
  void EndRecord(std::string& out) override { out += '\n'; }
  void End(std::string& /*out*/) override {}

 private:
  void AppendNamed(std::string& out, std::string_view name) {
    while (column_ < columns_.size()) {
      const Column& column = columns_[column_++];
      if (column.name == name) {
        AppendCell(out, column, cell_);
        return;
      }
      AppendCell(out, column, "");
    }
  }

  // Padding is owed until the next cell, so that no line ends in blanks.
  void AppendCell(std::string& out, const Column& column, std::string_view cell) {
    if (cell.empty()) {
      padding_ += column.least_width + kGap;
      return;
    }
    out.append(padding_, ' ');
    out += cell;
    const std::size_t width = DisplayWidth(cell);
    padding_ = column.least_width > width ? column.least_width - width + kGap : kGap;
  }

  std::vector<Column> columns_;
  bool color_;
  std::string cell_;
  std::size_t column_ = 0;
  std::size_t padding_ = 0;
};

}  // namespace

std::unique_ptr<RecordFormat> MakeTableFormat(std::vector<Column> columns, bool color) {
  return std::make_unique<TableFormat>(std::move(columns), color);
}

}  // namespace dispatchctl::cli
