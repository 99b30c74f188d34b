#pragma once

#include <dispatchctl/assignment_stream.h>

#include <optional>
#include <string>
#include <vector>

#include "output/error_report.h"

namespace dispatchctl::cli {

/// Writes the assignments as lines that `assign -f` reads. A regular file is replaced as a whole or not at
/// all, so that it may be the very file that was read.
std::optional<ErrorReport> WriteUnacknowledged(const std::string& path,
                                               const std::vector<UnacknowledgedAssignment>& assignments);

}  // namespace dispatchctl::cli
