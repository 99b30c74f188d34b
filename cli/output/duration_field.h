#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/options.h"
#include "output/record_format.h"

namespace dispatchctl::cli {

/// The name that a time called `name` has in records of `format`: a table has "1.234 ms" under that name, all
/// others a whole number of microseconds under the name with "_us".
std::string DurationFieldName(OutputFormat format, std::string_view name);

/// Such a field. Nothing: "-" in a table, else null.
void WriteDuration(RecordFormat& record, std::string& out, OutputFormat format, std::string_view name,
                   std::optional<std::chrono::nanoseconds> time);

}  // namespace dispatchctl::cli
