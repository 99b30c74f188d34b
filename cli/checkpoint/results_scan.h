#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "checkpoint/result_line.h"
#include "input/line_reader.h"
#include "output/error_report.h"

namespace dispatchctl::cli {

/// What a results file holds.
struct ResultsScan {
  std::uint64_t lines = 0;       ///< whole ones
  std::uint64_t rejected = 0;    ///< results among them that are not accepted
  std::uint64_t bytes = 0;       ///< of the whole lines
  std::uint64_t torn_bytes = 0;  ///< after them, what a crash has left of later ones
};

/// Longest line looked for in a results file; more than any record has.
inline constexpr std::size_t kMaxResultLine = std::size_t{64} << 20U;

/// Reads a results file from where `fd` stands to its end, handing each whole line to `on_line`.
///
/// The end of the file may be torn: a last line without its newline or that is no record, and anything from a
/// NUL byte on, as a power cut leaves them in place of what had not reached the disk. Whatever else is no
/// record means that the file is not one of results. Errors: input, naming file and line; nothing is changed.
std::optional<ErrorReport> ScanResults(int fd, const std::string& name,
                                       const std::function<void(const ResultLine&)>& on_line,
                                       ResultsScan& scan);

/// Counts the newlines from where `fd` stands to its end. Returns 0 or the error number.
int CountLines(int fd, std::uint64_t& lines);

}  // namespace dispatchctl::cli
