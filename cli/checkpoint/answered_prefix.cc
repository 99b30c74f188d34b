#include "checkpoint/answered_prefix.h"

#include <fmt/format.h>

#include <utility>

#include "text/escape.h"

namespace dispatchctl::cli {

AnsweredPrefix::AnsweredPrefix(UniqueFd file, std::string name, std::uint64_t lines)
    : file_(std::move(file)), name_(std::move(name)), lines_(lines), reader_(kMaxResultLine) {}

bool AnsweredPrefix::Peek() {
  if (next_.has_value()) return true;
  Line line;
  for (;;) {
    switch (reader_.Next(line)) {
      case LineReader::Result::kIncomplete:
        if (reader_.Fill(file_.get()) != 0) return false;
        break;
      case LineReader::Result::kLine:
        if (ParseResultLine(line.data, line.size, next_.emplace()) == LineKind::kResult) return true;
        next_.reset();
        return false;
      case LineReader::Result::kTooLong:
      case LineReader::Result::kOpenQuote:
      case LineReader::Result::kEnd:
        return false;
    }
  }
}

Answered::Verdict AnsweredPrefix::Take(bool matches, std::string_view expected) {
  if (matches) {
    next_.reset();
    ++taken_;
    return Verdict::kAnswered;
  }
  const std::string found = !next_.has_value() ? "cannot be read again"
                            : next_->failed    ? fmt::format("has the error of line {}", next_->line)
                                            : fmt::format("answers {}", QuotedExcerpt(next_->assignment_id));
  mismatch_ = fmt::format("{}:{} {}, not {}", name_, taken_ + 1, found, expected);
  return Verdict::kMismatch;
}

Answered::Verdict AnsweredPrefix::TakeResult(std::string_view assignment_id) {
  if (left() == 0) return Verdict::kNew;
  const bool matches = Peek() && !next_->failed && next_->assignment_id == assignment_id;
  return Take(matches, matches ? std::string() : QuotedExcerpt(assignment_id));
}

Answered::Verdict AnsweredPrefix::TakeFailure(std::uint64_t line) {
  if (left() == 0) return Verdict::kNew;
  return Take(Peek() && next_->failed && next_->line == line, "this line");
}

void AnsweredPrefix::PassFailure(std::uint64_t line) {
  if (left() == 0 || !Peek() || !next_->failed || next_->line != line) return;
  next_.reset();
  ++taken_;
}

}  // namespace dispatchctl::cli
