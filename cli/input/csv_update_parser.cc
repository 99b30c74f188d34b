#include "input/csv_update_parser.h"

#include <dispatchctl/validation.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <type_traits>

#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kAnyColumn = "*";

template <class Field>
bool StoreText(Field& field, const std::string& text) {
  if constexpr (std::is_same_v<Field, bool>) {
    field = text == "true";
    return field || text == "false";
  } else {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, field);
    return error == std::errc{} && stop == end;
  }
}

// Puts values where the header says. Strings are written straight into the update.
class FieldSink {
 public:
  FieldSink(const std::vector<std::optional<std::size_t>>& columns, AssignmentUpdate& update)
      : columns_(columns), update_(update) {}

  void Begin(std::size_t column) {
    ++count_;
    target_ = nullptr;
    if (column >= columns_.size() || !columns_[column].has_value()) return;
    std::size_t index = 0;
    VisitFields(update_, [&](std::string_view /*name*/, auto& field) {
      if (index++ != *columns_[column]) return;
      if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>) {
        target_ = &field;
      } else {
        target_ = &scratch_;
      }
    });
    target_->clear();
  }

  void Append(std::string_view piece) {
    if (target_ != nullptr) target_->append(piece);
  }

  // Empty, or what the value should have been.
  std::string_view End(std::size_t column) {
    if (target_ != &scratch_) return {};
    bool stored = false;
    bool is_bool = false;
    std::size_t index = 0;
    VisitFields(update_, [&](std::string_view /*name*/, [[maybe_unused]] auto& field) {
      using Field = std::decay_t<decltype(field)>;
      if (index++ != *columns_[column]) return;
      if constexpr (!std::is_same_v<Field, std::string>) {
        is_bool = std::is_same_v<Field, bool>;
        stored = StoreText(field, scratch_);
      }
    });
    if (stored) return {};
    return is_bool ? "true or false" : "a number";
  }

  std::size_t count() const { return count_; }

 private:
  const std::vector<std::optional<std::size_t>>& columns_;
  AssignmentUpdate& update_;
  std::string* target_ = nullptr;
  std::string scratch_;
  std::size_t count_ = 0;
};

class NameSink {
 public:
  void Begin(std::size_t /*column*/) { names.emplace_back(); }
  void Append(std::string_view piece) { names.back().append(piece); }
  std::string_view End(std::size_t /*column*/) { return {}; }

  std::vector<std::string> names;
};

}  // namespace

bool CsvUpdateParser::Fail(std::string_view record, std::size_t offset, std::string_view what) {
  const std::string_view before = record.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  error_ = lines == 0 ? fmt::format("column {}: {}", column, what)
                      : fmt::format("line {} of the record, column {}: {}", lines + 1, column, what);
  return false;
}

bool CsvUpdateParser::CheckText(std::string_view record) {
  const std::size_t invalid = FindInvalidUtf8(record);
  if (invalid != std::string_view::npos) return Fail(record, invalid, "invalid UTF-8");
  const std::size_t nul = record.find('\0');
  return nul == std::string_view::npos || Fail(record, nul, "NUL byte");
}

template <class Sink>
bool CsvUpdateParser::Split(std::string_view record, Sink& sink) {
  std::size_t at = 0;
  for (std::size_t column = 0;; ++column) {
    const std::size_t begin = at;
    sink.Begin(column);
    if (at < record.size() && record[at] == '"') {
      ++at;
      for (;;) {
        const std::size_t quote = record.find('"', at);
        if (quote == std::string_view::npos) return Fail(record, begin, "this quote is not closed");
        sink.Append(record.substr(at, quote - at));
        at = quote + 1;
        if (at == record.size() || record[at] != '"') break;
        sink.Append("\"");
        ++at;
      }
      if (at < record.size() && record[at] != ',') {
        return Fail(record, at,
                    "text after the quote that closes the value; a quote within it is written \"\"");
      }
    } else {
      at = std::min(record.find(',', at), record.size());
      const std::string_view value = record.substr(begin, at - begin);
      if (const std::size_t quote = value.find('"'); quote != std::string_view::npos) {
        return Fail(record, begin + quote, "a quote within a value that does not begin with one");
      }
      sink.Append(value);
    }
    if (const std::string_view expected = sink.End(column); !expected.empty()) {
      return Fail(record, begin,
                  fmt::format("field \"{}\": expected {}", fields_[*columns_[column]].snake, expected));
    }
    if (at == record.size()) return true;
    ++at;
  }
}

std::optional<CsvUpdateParser::Column> CsvUpdateParser::ColumnOf(std::string_view name) const {
  const auto field_named = [this](std::string_view wanted) -> std::optional<Column> {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].Matches(wanted)) return Column(i);
    }
    return std::nullopt;
  };
  const auto mapped = [&](std::string_view wanted) -> std::optional<Column> {
    for (const CsvMapping& mapping : mappings_) {
      if (mapping.column != wanted) continue;
      return mapping.field.empty() ? std::optional<Column>(Column()) : field_named(mapping.field);
    }
    return std::nullopt;
  };
  if (auto column = mapped(name)) return column;
  if (auto column = field_named(name)) return column;
  return mapped(kAnyColumn);
}

bool CsvUpdateParser::LooksLikeHeader(std::string_view record) const {
  for (;;) {
    const std::size_t comma = record.find(',');
    std::string_view name = record.substr(0, comma);
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    const std::optional<Column> column = ColumnOf(name);
    if (column.has_value() && column->has_value()) return true;
    if (comma == std::string_view::npos) return false;
    record.remove_prefix(comma + 1);
  }
}

bool CsvUpdateParser::ReadHeader(std::string_view record) {
  columns_.clear();
  NameSink sink;
  if (!CheckText(record) || !Split(record, sink)) return false;
  std::vector<const std::string*> givers(fields_.size(), nullptr);
  for (const std::string& name : sink.names) {
    const std::optional<Column> column = ColumnOf(name);
    if (!column.has_value()) {
      error_ = UnknownName("column", name, fields_);
      return false;
    }
    columns_.push_back(*column);
    if (!column->has_value()) continue;
    if (const std::string* other = givers[**column]; other != nullptr) {
      error_ = fmt::format("columns {} and {} both give {}", QuotedExcerpt(*other), QuotedExcerpt(name),
                           fields_[**column].snake);
      return false;
    }
    givers[**column] = &name;
  }
  // A name with a typing error in it must not leave a field empty.
  for (const CsvMapping& mapping : mappings_) {
    if (mapping.column == kAnyColumn) continue;
    if (std::find(sink.names.begin(), sink.names.end(), mapping.column) != sink.names.end()) continue;
    error_ = fmt::format("there is no column {}, which --csv-map names", QuotedExcerpt(mapping.column));
    return false;
  }
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (!fields_[i].required || givers[i] != nullptr) continue;
    error_ = fmt::format("no column gives {}", fields_[i].snake);
    return false;
  }
  return true;
}

bool CsvUpdateParser::Parse(std::string_view record, AssignmentUpdate& update) {
  ClearFields(update);
  if (!CheckText(record)) return false;
  FieldSink sink(columns_, update);
  if (!Split(record, sink)) return false;
  if (sink.count() == columns_.size()) return true;
  error_ =
      fmt::format("{} value{} for {} columns", sink.count(), sink.count() == 1 ? "" : "s", columns_.size());
  return false;
}

}  // namespace dispatchctl::cli
