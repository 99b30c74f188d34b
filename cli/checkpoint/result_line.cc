#include "checkpoint/result_line.h"

#include <rapidjson/reader.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace dispatchctl::cli {
namespace {

// RapidJSON's events. Of nested values only the end is of interest.
class Handler {
 public:
  // NOLINTBEGIN(readability-identifier-naming): RapidJSON's names
  bool Null() { return Take(Field::kOther); }
  bool Bool(bool value) {
    if (Here(Field::kAccepted)) result_.accepted = value;
    return Take(Field::kAccepted);
  }
  bool Int(int /*value*/) { return Take(Field::kOther); }
  bool Uint(unsigned value) { return Uint64(value); }
  bool Int64(std::int64_t /*value*/) { return Take(Field::kOther); }
  bool Uint64(std::uint64_t value) {
    if (Here(Field::kLine)) result_.line = value;
    return Take(Field::kLine);
  }
  bool Double(double /*value*/) { return Take(Field::kOther); }
  bool RawNumber(const char* /*text*/, rapidjson::SizeType /*size*/, bool /*copy*/) { return false; }
  bool String(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    if (Here(Field::kId)) result_.assignment_id = {text, size};
    return Take(Field::kId);
  }
  bool StartObject() { return depth_++ == 0 || Take(Field::kError); }
  bool EndObject(rapidjson::SizeType /*count*/) {
    --depth_;
    return true;
  }
  bool StartArray() { return depth_++ != 0 && Take(Field::kOther); }
  bool EndArray(rapidjson::SizeType /*count*/) {
    --depth_;
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool /*copy*/) {
    if (depth_ != 1) return true;
    const std::string_view name(text, size);
    field_ = name == "assignment_id" ? Field::kId
             : name == "accepted"    ? Field::kAccepted
             : name == "line"        ? Field::kLine
             : name == "error"       ? Field::kError
                                     : Field::kOther;
    return true;
  }
  // NOLINTEND(readability-identifier-naming)

  std::optional<ResultLine> result() {
    result_.failed = Has(Field::kError);
    const bool whole = result_.failed ? Has(Field::kLine) && !Has(Field::kAccepted)
                                      : Has(Field::kId) && Has(Field::kAccepted);
    return whole ? std::optional(result_) : std::nullopt;
  }

 private:
  enum class Field : unsigned { kOther, kId, kAccepted, kLine, kError };

  bool Here(Field field) const { return depth_ == 1 && field_ == field; }
  bool Has(Field field) const { return (seen_ >> static_cast<unsigned>(field) & 1U) != 0; }
  // A value of the kind that `of` has; false for a field of another one, and for what is not in an object.
  bool Take(Field of) {
    if (depth_ == 0) return false;
    // An object's start has been counted already.
    const int depth = of == Field::kError ? depth_ - 1 : depth_;
    if (depth != 1 || field_ == Field::kOther) return true;
    seen_ |= 1U << static_cast<unsigned>(field_);
    return field_ == of;
  }

  ResultLine result_;
  Field field_ = Field::kOther;
  unsigned seen_ = 0;
  int depth_ = 0;
};

constexpr std::string_view kBeginnings[] = {R"({"assignment_id":")", R"({"line":)"};

}  // namespace

LineKind ParseResultLine(char* text, std::size_t size, ResultLine& result) {
  // The reader would take it for the end.
  if (std::memchr(text, '\0', size) != nullptr) return LineKind::kBroken;
  text[size] = '\0';
  Handler handler;
  rapidjson::InsituStringStream stream(text);
  rapidjson::Reader reader;
  const rapidjson::ParseResult parsed = reader.Parse<rapidjson::kParseInsituFlag>(stream, handler);
  // The handler ends it at a value that no record of ours has.
  if (parsed.Code() == rapidjson::kParseErrorTermination) return LineKind::kOther;
  if (parsed.IsError()) return LineKind::kBroken;
  const std::optional<ResultLine> found = handler.result();
  if (!found.has_value()) return LineKind::kOther;
  result = *found;
  return LineKind::kResult;
}

bool MayBeTornResult(std::string_view text) {
  // What a power cut kept from the disk reads as NUL bytes.
  text = text.substr(0, text.find('\0'));
  for (const std::string_view beginning : kBeginnings) {
    const std::size_t common = std::min(text.size(), beginning.size());
    if (text.substr(0, common) == beginning.substr(0, common)) return true;
  }
  return false;
}

}  // namespace dispatchctl::cli
