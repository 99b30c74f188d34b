#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/options.h"
#include "output/record_format.h"

namespace dispatchctl::cli {

/// The format that -o asks for, of the fields that --fields names, where it names any. `format` is never
/// kAuto.
std::unique_ptr<RecordFormat> MakeFormat(OutputFormat format, std::vector<Column> columns, bool single,
                                         bool color, const std::vector<std::string>& fields = {});

}  // namespace dispatchctl::cli
