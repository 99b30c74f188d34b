#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "output/error_report.h"
#include "output/record_format.h"

namespace dispatchctl::cli {

/// What is wrong with the fields that --fields names, if anything; `columns` are those of the command.
std::optional<ErrorReport> CheckFields(const std::vector<std::string>& fields,
                                       const std::vector<Column>& columns);

/// The columns that `fields` names, in its order; all of them where it is empty.
std::vector<Column> SelectColumns(const std::vector<std::string>& fields, std::vector<Column> columns);

/// Hands the fields of each record that `fields` names on to `format`, in the order of `fields`. An error is
/// always handed on: that it is there is how a failed record is told.
std::unique_ptr<RecordFormat> MakeFieldSelection(std::vector<std::string> fields,
                                                 std::unique_ptr<RecordFormat> format);

}  // namespace dispatchctl::cli
