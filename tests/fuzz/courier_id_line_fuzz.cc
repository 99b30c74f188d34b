// A line of lookup's input, against what it was made from: an id by itself, or within the record that lookup
// prints.

#include <dispatchctl/validation.h>

#include <string>

#include "fuzz_input.h"
#include "input/courier_id_line.h"
#include "text/escape.h"

using dispatchctl::cli::AppendJsonString;
using dispatchctl::cli::CourierIdOf;
using dispatchctl::fuzz::AsText;
using dispatchctl::fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line = AsText(data, size);
  // Blank lines are passed over before.
  if (line.empty()) return 0;
  const absl::StatusOr<std::string> id = CourierIdOf(line);
  const bool text = dispatchctl::IsValidUtf8(line) && line.find('\0') == std::string_view::npos;
  if (!text) {
    Require(id.status().code() == absl::StatusCode::kDataLoss, "what is no text is refused");
    return 0;
  }
  if (line.front() != '{') Require(id.ok() && *id == line, "a line is an id as it stands");
  if (id.ok()) Require(dispatchctl::IsValidUtf8(*id), "an id is text");

  std::string record = R"({"availability":"on shift","courier_id":)";
  AppendJsonString(record, line);
  record += "}";
  const absl::StatusOr<std::string> from_record = CourierIdOf(record);
  Require(from_record.ok() && *from_record == line, "an id reads the same from a record");
  return 0;
}
