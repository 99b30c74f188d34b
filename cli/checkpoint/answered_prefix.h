#pragma once

#include <optional>
#include <string>

#include "checkpoint/answered.h"
#include "checkpoint/result_line.h"
#include "checkpoint/results_scan.h"
#include "input/line_reader.h"
#include "process/unique_fd.h"

namespace dispatchctl::cli {

/// A results file in the input's order: what it answers is the beginning of the input, record by record.
/// Reads the file again alongside the input and keeps nothing of it.
class AnsweredPrefix final : public Answered {
 public:
  /// `file` stands at the beginning; only its first `lines` lines count.
  AnsweredPrefix(UniqueFd file, std::string name, std::uint64_t lines);

  Verdict TakeResult(std::string_view assignment_id) override;
  Verdict TakeFailure(std::uint64_t line) override;
  void PassFailure(std::uint64_t line) override;
  std::uint64_t left() const override { return lines_ - taken_; }
  std::string mismatch() const override { return mismatch_; }

 private:
  // False at the end, or when the file cannot be read any more.
  bool Peek();
  Verdict Take(bool matches, std::string_view expected);

  const UniqueFd file_;
  const std::string name_;
  const std::uint64_t lines_;
  std::uint64_t taken_ = 0;
  LineReader reader_;
  std::optional<ResultLine> next_;  // within the reader's buffer, which is not filled before it is taken
  std::string mismatch_;
};

}  // namespace dispatchctl::cli
