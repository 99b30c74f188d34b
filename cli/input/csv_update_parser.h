#pragma once

#include <dispatchctl/assignment.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/options.h"
#include "input/update_fields.h"

namespace dispatchctl::cli {

/// Reads assignments from records of CSV (RFC 4180), the first of which names the columns: by the fields'
/// names, in snake_case or lowerCamelCase, or as the mappings say. Names are taken as they are, spaces
/// included.
class CsvUpdateParser {
 public:
  explicit CsvUpdateParser(std::vector<CsvMapping> mappings) : mappings_(std::move(mappings)) {}

  /// True when one of the columns gives a field: what a header looks like, and other input does not.
  bool LooksLikeHeader(std::string_view record) const;

  /// The columns of the records to come. False: see error().
  bool ReadHeader(std::string_view record);

  /// False: see error(); `update` then holds the fields read so far. Allocates nothing once the update's
  /// strings have grown.
  bool Parse(std::string_view record, AssignmentUpdate& update);

  /// What was wrong with the last record, with its column, counted in bytes from 1.
  const std::string& error() const { return error_; }

 private:
  // Which field a column gives; none when it is ignored.
  using Column = std::optional<std::size_t>;

  bool Fail(std::string_view record, std::size_t offset, std::string_view what);
  bool CheckText(std::string_view record);
  // Calls begin(column), then append(text) for each piece of the value, then end(column).
  template <class Sink>
  bool Split(std::string_view record, Sink& sink);
  std::optional<Column> ColumnOf(std::string_view name) const;

  const std::vector<CsvMapping> mappings_;
  const std::vector<UpdateField> fields_ = UpdateFields();
  std::vector<Column> columns_;
  std::string error_;
};

}  // namespace dispatchctl::cli
