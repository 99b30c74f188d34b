#pragma once

#include <dispatchctl/assignment.h>
#include <rapidjson/reader.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "input/update_fields.h"

namespace dispatchctl::cli {

/// Reads one assignment from one line of JSON. Field names and types come from the SDK's VisitFields, so that
/// a field added there is read here. Names may be snake_case or lowerCamelCase. A field that may not be empty
/// may not be missing either.
///
/// Allocates nothing for a line of short fields once the update's strings have grown.
class NdjsonUpdateParser {
 public:
  /// Parses in place: `text` is overwritten, text[size] too. False: see error(); `update` then holds the
  /// fields read so far.
  bool Parse(char* text, std::size_t size, AssignmentUpdate& update);

  /// What was wrong with the last line, with its column, counted in bytes from 1.
  const std::string& error() const { return error_; }

 private:
  class Handler;

  bool Fail(std::size_t offset, std::string_view what);

  const std::vector<UpdateField> fields_ = UpdateFields();
  rapidjson::Reader reader_;
  std::string error_;
};

}  // namespace dispatchctl::cli
