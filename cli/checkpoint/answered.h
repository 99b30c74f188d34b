#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// What an earlier run has left in the results file, taken away piece by piece as the input comes by.
class Answered {
 public:
  enum class Verdict {
    kNew,       ///< not in the file
    kAnswered,  ///< it was, and counts no longer
    kMismatch,  ///< the file answers another input; see mismatch()
  };

  virtual ~Answered() = default;

  /// Of an assignment that can be sent.
  virtual Verdict TakeResult(std::string_view assignment_id) = 0;

  /// Of a line that cannot be used, when that is to be reported.
  virtual Verdict TakeFailure(std::uint64_t line) = 0;

  /// The same when it is not: the file may know the line from a run that did report it.
  virtual void PassFailure(std::uint64_t line) = 0;

  /// What the file has, and the input so far has not asked for.
  virtual std::uint64_t left() const = 0;

  virtual std::string mismatch() const { return {}; }
};

}  // namespace dispatchctl::cli
