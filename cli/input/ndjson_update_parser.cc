#include "input/ndjson_update_parser.h"

#include <dispatchctl/validation.h>
#include <fmt/format.h>
#include <rapidjson/error/en.h>

#include <cctype>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

template <class Field>
constexpr std::string_view ExpectedType() {
  if constexpr (std::is_same_v<Field, std::string>) {
    return "a string";
  } else if constexpr (std::is_same_v<Field, bool>) {
    return "true or false";
  } else {
    return "a number";
  }
}

// True when the value fits the field; it is stored then.
template <class Field, class Value>
bool Store(Field& field, const Value& value) {
  if constexpr (std::is_same_v<Field, std::string>) {
    if constexpr (std::is_same_v<Value, std::string_view>) {
      field.assign(value);
      return true;
    }
  } else if constexpr (std::is_same_v<Field, bool>) {
    if constexpr (std::is_same_v<Value, bool>) {
      field = value;
      return true;
    }
  } else if constexpr (std::is_integral_v<Field>) {
    if constexpr (std::is_integral_v<Value> && !std::is_same_v<Value, bool>) {
      if (!std::in_range<Field>(value)) return false;
      field = static_cast<Field>(value);
      return true;
    }
  } else if constexpr (std::is_floating_point_v<Field>) {
    if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
      field = static_cast<Field>(value);
      return true;
    }
  }
  return false;
}

std::string LowerFirst(std::string_view sentence) {
  std::string text(sentence);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

// RapidJSON's events. Every member that returns false has put its reason into `what`.
class NdjsonUpdateParser::Handler {
 public:
  Handler(const std::vector<UpdateField>& fields, AssignmentUpdate& update)
      : fields_(fields), update_(update) {}

  // NOLINTBEGIN(readability-identifier-naming): RapidJSON's names
  bool Null() { return Value(nullptr, "null"); }
  bool Bool(bool value) { return Value(value, value ? "true" : "false"); }
  bool Int(int value) { return Value(std::int64_t{value}, "a number"); }
  bool Uint(unsigned value) { return Value(std::uint64_t{value}, "a number"); }
  bool Int64(std::int64_t value) { return Value(value, "a number"); }
  bool Uint64(std::uint64_t value) { return Value(value, "a number"); }
  bool Double(double value) { return Value(value, "a number"); }
  bool RawNumber(const char* /*text*/, rapidjson::SizeType /*size*/, bool /*copy*/) { return false; }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    // RapidJSON lets the second half of a surrogate pair pass without the first.
    if (!IsValidUtf8({text, size})) {
      return Reject(
          text, LowerFirst(rapidjson::GetParseError_En(rapidjson::kParseErrorStringUnicodeSurrogateInvalid)));
    }
    return Value(std::string_view(text, size), "a string", text);
  }
  bool StartObject() {
    if (std::exchange(in_object_, true)) return Value(nullptr, "an object");
    return true;
  }
  bool EndObject(rapidjson::SizeType /*count*/) { return true; }
  bool StartArray() { return Value(nullptr, "an array"); }
  bool EndArray(rapidjson::SizeType /*count*/) { return true; }
  bool Key(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    const std::string_view name(text, size);
    // Fields mostly come in the contract's order.
    std::size_t index = next_;
    if (index >= fields_.size() || !fields_[index].Matches(name)) {
      index = 0;
      while (index < fields_.size() && !fields_[index].Matches(name)) ++index;
    }
    if (index == fields_.size()) return Reject(text, UnknownName("field", name, fields_));
    const std::uint64_t bit = std::uint64_t{1} << index;
    if ((seen_ & bit) != 0) return Reject(text, fmt::format("duplicate field {}", QuotedExcerpt(name)));
    seen_ |= bit;
    current_ = index;
    next_ = index + 1;
    return true;
  }
  // NOLINTEND(readability-identifier-naming)

  bool seen(std::size_t index) const { return (seen_ >> index & 1U) != 0; }
  const std::string& what() const { return what_; }
  // Where the reader itself cannot say.
  const char* where() const { return where_; }

 private:
  bool Reject(const char* where, std::string what) {
    where_ = where;
    what_ = std::move(what);
    return false;
  }

  template <class Any>
  bool Value(const Any& value, std::string_view kind, const char* where = nullptr) {
    if (!in_object_) return Reject(where, fmt::format("expected an object, found {}", kind));
    bool stored = false;
    std::string_view expected;
    std::size_t index = 0;
    VisitFields(update_, [&](std::string_view /*name*/, auto& field) {
      if (index++ != current_) return;
      stored = Store(field, value);
      expected = ExpectedType<std::decay_t<decltype(field)>>();
    });
    if (stored) return true;
    return Reject(
        where, fmt::format("field \"{}\": expected {}, found {}", fields_[current_].snake, expected, kind));
  }

  const std::vector<UpdateField>& fields_;
  AssignmentUpdate& update_;
  const char* where_ = nullptr;
  std::string what_;
  std::uint64_t seen_ = 0;
  std::size_t current_ = 0;
  std::size_t next_ = 0;
  bool in_object_ = false;
};

bool NdjsonUpdateParser::Fail(std::size_t offset, std::string_view what) {
  error_ = fmt::format("column {}: {}", offset + 1, what);
  return false;
}

bool NdjsonUpdateParser::Parse(char* text, std::size_t size, AssignmentUpdate& update) {
  const std::size_t invalid = FindInvalidUtf8({text, size});
  if (invalid != std::string_view::npos) return Fail(invalid, "invalid UTF-8");
  if (const void* nul = std::memchr(text, '\0', size); nul != nullptr) {
    return Fail(static_cast<std::size_t>(static_cast<const char*>(nul) - text), "NUL byte");
  }
  text[size] = '\0';

  ClearFields(update);
  rapidjson::InsituStringStream stream(text);
  Handler handler(fields_, update);
  const rapidjson::ParseResult result = reader_.Parse<rapidjson::kParseInsituFlag>(stream, handler);
  if (result.IsError()) {
    if (handler.where() != nullptr) {
      return Fail(static_cast<std::size_t>(handler.where() - text), handler.what());
    }
    if (result.Code() == rapidjson::kParseErrorTermination) return Fail(result.Offset(), handler.what());
    return Fail(result.Offset(), LowerFirst(rapidjson::GetParseError_En(result.Code())));
  }
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].required && !handler.seen(i)) {
      error_ = fmt::format("missing field \"{}\"", fields_[i].snake);
      return false;
    }
  }
  return true;
}

}  // namespace dispatchctl::cli
