#include "output/field_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

#include "config/suggestion.h"

namespace dispatchctl::cli {
namespace {

class FieldSelection final : public RecordFormat {
 public:
  FieldSelection(std::vector<std::string> fields, std::unique_ptr<RecordFormat> format)
      : fields_(std::move(fields)), values_(fields_.size()), format_(std::move(format)) {}

  void Begin(std::string& out) override { format_->Begin(out); }
  void StartRecord(std::string& out) override {
    for (Value& value : values_) value = Absent{};
    format_->StartRecord(out);
  }
  void TextField(std::string& /*out*/, std::string_view name, std::string_view value) override {
    Keep(name, std::string(value));
  }
  void BoolField(std::string& /*out*/, std::string_view name, bool value) override { Keep(name, value); }
  void NumberField(std::string& /*out*/, std::string_view name, std::uint64_t value) override {
    Keep(name, value);
  }
  void NullField(std::string& /*out*/, std::string_view name) override { Keep(name, Null{}); }
  void Error(std::string& out, const ErrorReport& error) override {
    HandOn(out);
    format_->Error(out, error);
  }
  void EndRecord(std::string& out) override {
    HandOn(out);
    format_->EndRecord(out);
  }
  void End(std::string& out) override { format_->End(out); }

 private:
  struct Absent {};
  struct Null {};
  using Value = std::variant<Absent, Null, std::string, bool, std::uint64_t>;

  void Keep(std::string_view name, Value value) {
    const auto field = std::find(fields_.begin(), fields_.end(), name);
    if (field != fields_.end()) values_[static_cast<std::size_t>(field - fields_.begin())] = std::move(value);
  }

  void HandOn(std::string& out) {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const std::string& name = fields_[i];
      const Value value = std::exchange(values_[i], Absent{});
      if (std::holds_alternative<Null>(value)) format_->NullField(out, name);
      if (const auto* text = std::get_if<std::string>(&value)) format_->TextField(out, name, *text);
      if (const auto* flag = std::get_if<bool>(&value)) format_->BoolField(out, name, *flag);
      if (const auto* number = std::get_if<std::uint64_t>(&value)) format_->NumberField(out, name, *number);
    }
  }

  const std::vector<std::string> fields_;
  std::vector<Value> values_;  // of the record under way, one for each of fields_
  const std::unique_ptr<RecordFormat> format_;
};

}  // namespace

std::optional<ErrorReport> CheckFields(const std::vector<std::string>& fields,
                                       const std::vector<Column>& columns) {
  std::vector<std::string_view> known;
  for (const Column& column : columns) known.push_back(column.name);
  for (const std::string& field : fields) {
    if (std::find(known.begin(), known.end(), field) != known.end()) continue;
    return UsageError(fmt::format("--fields: no field '{}'", field),
                      DidYouMean(field, known, fmt::format("the fields are: {}", fmt::join(known, ", "))));
  }
  return std::nullopt;
}

std::vector<Column> SelectColumns(const std::vector<std::string>& fields, std::vector<Column> columns) {
  if (fields.empty()) return columns;
  std::vector<Column> selected;
  for (const std::string& field : fields) {
    for (const Column& column : columns) {
      if (column.name == field) selected.push_back(column);
    }
  }
  return selected;
}

std::unique_ptr<RecordFormat> MakeFieldSelection(std::vector<std::string> fields,
                                                 std::unique_ptr<RecordFormat> format) {
  return std::make_unique<FieldSelection>(std::move(fields), std::move(format));
}

}  // namespace dispatchctl::cli
