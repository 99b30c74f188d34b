#pragma once

#include <dispatchctl/assignment.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/options.h"
#include "input/csv_update_parser.h"
#include "input/input_files.h"
#include "input/ndjson_update_parser.h"

namespace dispatchctl::cli {

/// Reads assignments from inputs of either format. Without being told, tells CSV by the file's name, or else
/// by a first line that names columns.
class UpdateReader {
 public:
  enum class Result {
    kUpdate,
    kBadRecord,   ///< see problem(); the next one may be fine
    kUnreadable,  ///< see problem(); nothing more of this input can be understood
    kIncomplete,  ///< fill the inputs first
    kEnd,         ///< of the last input
  };

  UpdateReader(InputFiles& files, const AssignOptions& options)
      : files_(files), requested_(options.input_format), max_line_(options.max_line), csv_(options.csv_map) {}

  Result Next(AssignmentUpdate& update);

  /// Where the last record began.
  LinePlace place() const { return place_; }

  const std::string& problem() const { return problem_; }

 private:
  // Sets up for an input that is new.
  void Prepare();
  Result TakeLine(const Line& line, AssignmentUpdate& update);
  Result Bad(std::string problem);

  InputFiles& files_;
  const InputFormat requested_;
  const std::size_t max_line_;
  NdjsonUpdateParser ndjson_;
  CsvUpdateParser csv_;

  std::optional<std::size_t> prepared_;      // which input
  InputFormat format_ = InputFormat::kAuto;  // of that one; kAuto until its first line has told
  bool header_read_ = false;
  LinePlace place_;
  std::string problem_;
};

}  // namespace dispatchctl::cli
