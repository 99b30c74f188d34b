#pragma once

#include <memory>
#include <vector>

#include "config/options.h"
#include "output/record_format.h"

namespace dispatchctl::cli {

/// The format that -o asks for. `format` is never kAuto.
std::unique_ptr<RecordFormat> MakeFormat(OutputFormat format, std::vector<Column> columns, bool single,
                                         bool color);

}  // namespace dispatchctl::cli
