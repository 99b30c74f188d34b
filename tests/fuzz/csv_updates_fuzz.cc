// Assignments as CSV: the first line is the header, the rest is one record. Held against a plain reader of
// RFC 4180; what is accepted reads the same when it is written anew.

#include <dispatchctl/validation.h>

#include <optional>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "input/csv_quoting.h"
#include "input/csv_update_parser.h"

using dispatchctl::AssignmentUpdate;
using dispatchctl::cli::CsvUpdateParser;
using dispatchctl::cli::EndsInsideQuotes;
using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;

namespace {

// Nothing when a quote stands where none may.
std::optional<std::vector<std::string>> Values(std::string_view record) {
  enum class At { kBegin, kPlain, kQuoted, kQuote } at = At::kBegin;
  std::vector<std::string> values(1);
  for (const char c : record) {
    if (at == At::kQuoted) {
      if (c == '"') {
        at = At::kQuote;
      } else {
        values.back() += c;
      }
    } else if (c == ',') {
      values.emplace_back();
      at = At::kBegin;
    } else if (c == '"' && at == At::kBegin) {
      at = At::kQuoted;
    } else if (c == '"' && at == At::kQuote) {
      values.back() += c;
      at = At::kQuoted;
    } else if (c == '"' || at == At::kQuote) {
      return std::nullopt;
    } else {
      values.back() += c;
      at = At::kPlain;
    }
  }
  if (at == At::kQuoted) return std::nullopt;
  return values;
}

bool IsText(std::string_view text) {
  return dispatchctl::IsValidUtf8(text) && text.find('\0') == std::string_view::npos;
}

void AppendQuoted(std::string& record, std::string_view value) {
  if (!record.empty()) record += ',';
  record += '"';
  for (const char c : value) record += c == '"' ? std::string("\"\"") : std::string(1, c);
  record += '"';
}

void CheckWrittenAnew(const AssignmentUpdate& update) {
  std::string header;
  std::string record;
  VisitFields(update, [&](std::string_view name, const std::string& value) {
    AppendQuoted(header, name);
    AppendQuoted(record, value);
  });
  CsvUpdateParser parser({});
  AssignmentUpdate again;
  Require(parser.ReadHeader(header) && parser.Parse(record, again) && again == update,
          "an assignment reads the same when it is written anew");
  Require(!EndsInsideQuotes(record, false), "a record ends where its last quote does");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::string_view header = input.Line();
  const std::string_view record = input.rest();
  CsvUpdateParser parser({{.column = "zone", .field = "destination_zone"}, {.column = "note", .field = ""}});
  parser.LooksLikeHeader(header);
  const auto names = Values(header);
  if (!parser.ReadHeader(header)) {
    Require(!parser.error().empty(), "a refusal says why");
    return 0;
  }
  Require(names.has_value() && IsText(header), "a header is a record");
  AssignmentUpdate update;
  const bool accepted = parser.Parse(record, update);
  const auto values = Values(record);
  Require(accepted == (values.has_value() && IsText(record) && values->size() == names->size()),
          "a record is what RFC 4180 says, with as many values as there are columns");
  if (!accepted) {
    Require(!parser.error().empty(), "a refusal says why");
    return 0;
  }
  std::size_t column = 0;
  for (const std::string& name : *names) {
    const std::string& value = (*values)[column++];
    if (name == "assignment_id") Require(update.assignment_id == value, "a value goes where its column says");
    if (name == "zone") Require(update.destination_zone == value, "a value goes where its mapping says");
  }
  CheckWrittenAnew(update);
  return 0;
}
