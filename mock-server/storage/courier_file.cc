#include "mock-server/storage/courier_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "mock-server/storage/read_file.h"

namespace dispatchctl::mock {
namespace {

struct Field {
  std::string_view name;
  std::string Courier::*member;
};

constexpr std::array kFields = {
    Field{"courier_id", &Courier::courier_id},
    Field{"transport_mode", &Courier::transport_mode},
    Field{"availability", &Courier::availability},
    Field{"current_zone", &Courier::current_zone},
};

const Field* FindField(std::string_view name) {
  for (const Field& field : kFields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

// Collects couriers and checks what both formats have in common.
class CourierList {
 public:
  explicit CourierList(std::string_view name) : name_(name) {}

  absl::Status Error(std::size_t line, std::string_view what) const {
    return absl::InvalidArgumentError(fmt::format("{}:{}: {}", name_, line, what));
  }

  absl::Status Add(Courier courier, std::size_t line) {
    if (courier.courier_id.empty()) return Error(line, "courier_id is missing or empty");
    const auto [earlier, added] = lines_.try_emplace(courier.courier_id, line);
    if (!added) {
      return Error(
          line, fmt::format("courier_id: '{}' is already on line {}", courier.courier_id, earlier->second));
    }
    couriers_.push_back(std::move(courier));
    return absl::OkStatus();
  }

  std::vector<Courier> Take() { return std::move(couriers_); }

 private:
  std::string_view name_;
  std::vector<Courier> couriers_;
  std::unordered_map<std::string, std::size_t> lines_;
};

// An input iterator that knows the line the parser has come to.
class LineCountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  LineCountingIterator(const char* position, std::size_t* line) : position_(position), line_(line) {}

  reference operator*() const { return *position_; }
  LineCountingIterator& operator++() {
    if (*position_++ == '\n') ++*line_;
    return *this;
  }
  bool operator==(const LineCountingIterator& other) const { return position_ == other.position_; }
  bool operator!=(const LineCountingIterator& other) const { return position_ != other.position_; }

 private:
  const char* position_;
  std::size_t* line_;
};

// Takes parser events instead of a finished document: only they know where they are in the file.
class CourierJsonHandler {
 public:
  using Json = nlohmann::json;

  CourierJsonHandler(CourierList* list, const std::size_t* line) : list_(list), line_(line) {}

  const absl::Status& status() const { return status_; }

  // NOLINTBEGIN(readability-identifier-naming): nlohmann's SAX interface
  bool null() { return Other("null"); }
  bool boolean(bool /*value*/) { return Other("a boolean"); }
  bool number_integer(Json::number_integer_t /*value*/) { return Other("a number"); }
  bool number_unsigned(Json::number_unsigned_t /*value*/) { return Other("a number"); }
  bool number_float(Json::number_float_t /*value*/, const std::string& /*text*/) { return Other("a number"); }
  bool binary(Json::binary_t& /*value*/) { return Other("binary data"); }

  bool string(std::string& value) {
    if (field_ == nullptr) return Other("a string");
    courier_.*field_->member = std::move(value);
    return true;
  }

  bool start_array(std::size_t /*size*/) {
    if (in_array_) return Other("an array");
    in_array_ = true;
    return true;
  }
  bool end_array() { return true; }

  bool start_object(std::size_t /*size*/) {
    if (!in_array_ || in_object_) return Other("an object");
    in_object_ = true;
    object_line_ = *line_;
    courier_ = {};
    seen_ = {};
    return true;
  }
  bool end_object() {
    in_object_ = false;
    field_ = nullptr;
    status_ = list_->Add(std::move(courier_), object_line_);
    return status_.ok();
  }

  bool key(std::string& name) {
    field_ = FindField(name);
    if (field_ == nullptr) return Fail(fmt::format("{}: there is no such field", name));
    bool& seen = seen_.at(static_cast<std::size_t>(field_ - kFields.data()));
    if (std::exchange(seen, true)) return Fail(fmt::format("{}: stands there twice", name));
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: what is wrong"
    const std::string_view text = error.what();
    const std::size_t column = text.find("column ");
    return Fail(column == std::string_view::npos ? text : text.substr(column));
  }
  // NOLINTEND(readability-identifier-naming)

 private:
  bool Other(std::string_view what) {
    if (field_ != nullptr) return Fail(fmt::format("{}: is {}, not a string", field_->name, what));
    return Fail(fmt::format("{} where an {} of couriers should be", what, in_array_ ? "object" : "array"));
  }

  bool Fail(std::string_view what) {
    status_ = list_->Error(*line_, what);
    return false;
  }

  CourierList* list_;
  const std::size_t* line_;
  bool in_array_ = false;
  bool in_object_ = false;
  std::size_t object_line_ = 0;
  Courier courier_;
  const Field* field_ = nullptr;
  std::array<bool, kFields.size()> seen_{};
  absl::Status status_;
};

struct CsvRecord {
  std::size_t line = 0;
  std::vector<std::string> values;
};

// RFC 4180, with line ends of either kind.
class CsvReader {
 public:
  CsvReader(std::string_view text, const CourierList* list) : text_(text), list_(list) {}

  // Nothing at the end. Empty lines are passed over.
  absl::StatusOr<std::optional<CsvRecord>> Next() {
    while (SkipLineEnd()) {
    }
    if (text_.empty()) return std::nullopt;
    CsvRecord record{.line = line_, .values = {}};
    for (;;) {
      absl::StatusOr<std::string> value = text_.starts_with('"') ? Quoted() : Plain();
      if (!value.ok()) return value.status();
      record.values.push_back(*std::move(value));
      if (text_.starts_with(',')) {
        text_.remove_prefix(1);
        continue;
      }
      if (text_.empty() || SkipLineEnd()) return record;
      return list_->Error(line_,
                          fmt::format("column {}: text after the closing quote", record.values.size()));
    }
  }

 private:
  bool SkipLineEnd() {
    if (text_.starts_with("\r\n")) text_.remove_prefix(1);
    if (!text_.starts_with('\n')) return false;
    text_.remove_prefix(1);
    ++line_;
    return true;
  }

  absl::StatusOr<std::string> Plain() {
    std::size_t end = std::min(text_.find_first_of(",\n"), text_.size());
    if (end < text_.size() && text_[end] == '\n' && end > 0 && text_[end - 1] == '\r') --end;
    std::string value(text_.substr(0, end));
    text_.remove_prefix(end);
    if (value.find('"') != std::string::npos) {
      return list_->Error(line_, fmt::format("'{}': a quote inside an unquoted field", value));
    }
    return value;
  }

  absl::StatusOr<std::string> Quoted() {
    const std::size_t opened = line_;
    std::string value;
    text_.remove_prefix(1);
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') {
        if (!text_.starts_with('"')) return value;
        text_.remove_prefix(1);
      }
      if (c == '\n') ++line_;
      value.push_back(c);
    }
    return list_->Error(opened, "a quoted field is never closed");
  }

  std::string_view text_;
  const CourierList* list_;
  std::size_t line_ = 1;
};

// Other text could not be sent: the contract's strings are UTF-8. JSON's parser checks by itself.
bool IsUtf8(const std::string& text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

absl::StatusOr<std::vector<const Field*>> ReadHeader(const CsvRecord& header, const CourierList& list) {
  std::vector<const Field*> columns;
  for (const std::string& name : header.values) {
    const Field* field = FindField(name);
    if (field == nullptr) return list.Error(header.line, fmt::format("{}: there is no such field", name));
    if (std::find(columns.begin(), columns.end(), field) != columns.end()) {
      return list.Error(header.line, fmt::format("{}: stands there twice", name));
    }
    columns.push_back(field);
  }
  if (std::find(columns.begin(), columns.end(), FindField("courier_id")) == columns.end()) {
    return list.Error(header.line, "courier_id: the header has no such column");
  }
  return columns;
}

}  // namespace

absl::StatusOr<std::vector<Courier>> ParseCouriersJson(std::string_view text, std::string_view name) {
  CourierList list(name);
  std::size_t line = 1;
  CourierJsonHandler handler(&list, &line);
  const LineCountingIterator begin(text.data(), &line);
  const LineCountingIterator end(text.data() + text.size(), &line);
  if (!nlohmann::json::sax_parse(begin, end, &handler)) return handler.status();
  return list.Take();
}

absl::StatusOr<std::vector<Courier>> ParseCouriersCsv(std::string_view text, std::string_view name) {
  CourierList list(name);
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  CsvReader reader(text, &list);
  absl::StatusOr<std::optional<CsvRecord>> record = reader.Next();
  if (!record.ok()) return record.status();
  if (!record->has_value()) return list.Error(1, "there is no header row");
  const absl::StatusOr<std::vector<const Field*>> columns = ReadHeader(**record, list);
  if (!columns.ok()) return columns.status();
  for (;;) {
    record = reader.Next();
    if (!record.ok()) return record.status();
    if (!record->has_value()) return list.Take();
    CsvRecord& row = **record;
    if (row.values.size() != columns->size()) {
      return list.Error(row.line,
                        fmt::format("has {} fields, the header has {}", row.values.size(), columns->size()));
    }
    Courier courier;
    for (std::size_t i = 0; i < columns->size(); ++i) {
      const Field& field = *(*columns)[i];
      if (!IsUtf8(row.values[i]))
        return list.Error(row.line, fmt::format("{}: is not valid UTF-8", field.name));
      courier.*field.member = std::move(row.values[i]);
    }
    if (absl::Status status = list.Add(std::move(courier), row.line); !status.ok()) return status;
  }
}

absl::StatusOr<std::vector<Courier>> LoadCouriers(const std::string& path) {
  const bool json = path.ends_with(".json");
  if (!json && !path.ends_with(".csv")) {
    return absl::InvalidArgumentError(fmt::format("{}: the name ends in neither .json nor .csv", path));
  }
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  return json ? ParseCouriersJson(*text, path) : ParseCouriersCsv(*text, path);
}

}  // namespace dispatchctl::mock
