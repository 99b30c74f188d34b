// Assignments as lines of JSON, against another parser of JSON: accepted is what that one reads as an object
// of the contract's fields, each once, and as the same values.

#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "input/ndjson_update_parser.h"
#include "input/update_fields.h"

using dispatchctl::AssignmentUpdate;
using dispatchctl::cli::NdjsonUpdateParser;
using dispatchctl::cli::UpdateField;
using dispatchctl::cli::UpdateFields;
using dispatchctl::fuzz::AsText;
using dispatchctl::fuzz::Require;
using Json = nlohmann::json;

namespace {

const UpdateField* FieldNamed(const std::vector<UpdateField>& fields, std::string_view name) {
  for (const UpdateField& field : fields) {
    if (field.Matches(name)) return &field;
  }
  return nullptr;
}

// By name; nothing when it is no assignment.
std::optional<std::map<std::string, std::string>> Values(std::string_view text,
                                                         const std::vector<UpdateField>& fields) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  std::map<std::string, std::string> values;
  bool good = true;
  const auto note_key = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event != Json::parse_event_t::key || depth != 1) return true;
    const UpdateField* const field = FieldNamed(fields, parsed.get_ref<const std::string&>());
    good = good && field != nullptr && values.try_emplace(field->snake).second;
    return true;
  };
  const Json object = Json::parse(text, note_key, /*allow_exceptions=*/false);
  if (!object.is_object() || !good) return std::nullopt;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) return std::nullopt;
    values[FieldNamed(fields, name)->snake] = value.get<std::string>();
  }
  for (const UpdateField& field : fields) {
    if (field.required && values.count(field.snake) == 0) return std::nullopt;
  }
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<UpdateField> fields = UpdateFields();
  static NdjsonUpdateParser parser;
  // An earlier line's, as the update serves again.
  static AssignmentUpdate update{"left", "over", "before"};
  // One byte longer than the line, as the reader of lines has it.
  std::vector<char> line(size + 1, '?');
  if (size != 0) std::memcpy(line.data(), data, size);
  const bool accepted = parser.Parse(line.data(), size, update);
  const auto expected = Values(AsText(data, size), fields);
  Require(accepted == expected.has_value(), "both parsers agree on what an assignment is");
  if (!accepted) {
    Require(!parser.error().empty(), "a refusal says why");
    return 0;
  }
  VisitFields(update, [&](std::string_view name, const std::string& value) {
    const auto found = expected->find(std::string(name));
    Require(value == (found == expected->end() ? std::string() : found->second), "both read the same values");
  });
  return 0;
}
