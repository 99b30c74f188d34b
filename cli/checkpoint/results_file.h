#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/answered.h"
#include "checkpoint/results_scan.h"
#include "output/error_report.h"
#include "process/unique_fd.h"

namespace dispatchctl::cli {

/// The file that results go to, which is its own checkpoint: with it, a later run can go on where this one
/// ended, in whatever way that was.
class ResultsFile {
 public:
  struct Options {
    bool go_on = false;      ///< with what is there; else the file must be empty or new
    bool ordered = false;    ///< what is there is in the input's order
    std::uint64_t seed = 0;  ///< random, see AnsweredIndex
  };

  /// Opens or makes the file, keeps every other process from writing to it by this class, reads what is
  /// there, and cuts a torn end off. A file that is not a regular one is only opened, and cannot be gone on
  /// with. Errors: usage when it is not empty though nothing was said of going on; input when it is not one
  /// of results; output when it cannot be written or is in use.
  std::optional<ErrorReport> Open(const std::string& path, const Options& options);

  int fd() const { return file_.get(); }
  const std::string& path() const { return path_; }
  /// Only such a file can be synced.
  bool is_regular() const { return is_regular_; }
  /// Why nobody is kept from writing to it too; empty when that is so.
  const std::string& lock_problem() const { return lock_problem_; }

  /// What was there.
  const ResultsScan& before() const { return before_; }
  /// Null when nothing was.
  Answered* answered() const { return answered_.get(); }

 private:
  std::optional<ErrorReport> Lock();
  std::optional<ErrorReport> Load(const Options& options);

  std::string path_;
  UniqueFd file_;
  bool is_regular_ = false;
  std::string lock_problem_;
  ResultsScan before_;
  std::unique_ptr<Answered> answered_;
};

}  // namespace dispatchctl::cli
