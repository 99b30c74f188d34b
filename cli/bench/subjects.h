#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/options.h"
#include "output/error_report.h"

namespace dispatchctl::cli {

/// Whom a call of a benchmark is about.
struct BenchSubject {
  std::string courier_id;
  std::string zone;  ///< of assignments
};

/// Those the command line names, those of the files, or else generated ones: courier-1 and so on. Reads the
/// files to their end. Never empty when there is no error, which names the file and the line.
std::optional<ErrorReport> ReadSubjects(const BenchOptions& options, std::vector<BenchSubject>& subjects);

}  // namespace dispatchctl::cli
