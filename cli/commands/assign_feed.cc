#include "commands/assign_feed.h"

#include <dispatchctl/validation.h>
#include <fmt/format.h>
#include <poll.h>

#include <string>
#include <utility>

namespace dispatchctl::cli {

Feed::Wants AssignFeed::Pump(bool readable) {
  if (readable) {
    input_error_ = files_.Fill();
    if (input_error_.has_value()) return Wants::kEnd;
  }
  Step step = waiting_ ? Submit() : Step::kNext;
  while (step == Step::kNext) {
    Line line;
    switch (files_.Next(line)) {
      case LineReader::Result::kIncomplete:
        return Wants::kInput;
      case LineReader::Result::kEnd:
        return Wants::kEnd;
      case LineReader::Result::kTooLong:
        step = BadLine({}, line.number, fmt::format("longer than {} bytes (--max-line)", options_.max_line));
        break;
      case LineReader::Result::kLine:
        step = TakeLine(line);
        break;
    }
  }
  if (input_error_.has_value()) return Wants::kEnd;
  // No room, or the stream has ended: either way the SDK has the next word.
  return Wants::kRoom;
}

void AssignFeed::CloseSubmissions() {
  if (stream_ == nullptr) {
    finished_.store(true);
  } else {
    stream_->CloseSubmissions();
  }
}

void AssignFeed::Cancel() {
  if (stream_ != nullptr) stream_->Cancel();
}

bool AssignFeed::HasUnsent() {
  if (left_unsent_ || waiting_ || files_.HasLine()) return true;
  pollfd input{files_.fd(), POLLIN, 0};
  if (files_.AtEnd() || ::poll(&input, 1, 0) <= 0) return false;
  return !files_.Fill().has_value() && files_.HasLine();
}

AssignFeed::Step AssignFeed::TakeLine(const Line& line) {
  if (IsBlank(line)) return Step::kNext;
  if (!parser_.Parse(line.data, line.size, update_)) return BadLine({}, line.number, parser_.error());
  place_ = {.input = files_.current(), .line = line.number};
  return Submit();
}

AssignFeed::Step AssignFeed::Submit() {
  waiting_ = false;
  const absl::Status status =
      stream_ == nullptr ? ValidateUpdate(update_) : stream_->TrySubmit(update_, place_.Pack());
  if (status.ok()) {
    ++handed_in_;
    return Step::kNext;
  }
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      waiting_ = true;
      return Step::kNoRoom;
    case absl::StatusCode::kInvalidArgument:
      return BadLine(update_.assignment_id, place_.line, std::string(status.message()));
    default:
      left_unsent_ = true;
      return Step::kStop;
  }
}

AssignFeed::Step AssignFeed::BadLine(std::string_view assignment_id, std::uint64_t line,
                                     std::string_view what) {
  const std::string place = files_.Describe({.input = files_.current(), .line = line});
  std::string message = fmt::format("{}: {}", place, what);
  switch (options_.bad_record) {
    case BadRecord::kFail:
      input_error_ = InputError(std::move(message), "go on past bad lines with --bad-record skip or report");
      return Step::kStop;
    case BadRecord::kSkip:
      ++skipped_;
      console_.Note(fmt::format("{} (skipped)", message));
      return Step::kNext;
    case BadRecord::kReport:
      ++reported_;
      Report(assignment_id, line, InputError(std::move(message)));
      return Step::kNext;
  }
  return Step::kNext;
}

void AssignFeed::Report(std::string_view assignment_id, std::uint64_t line, const ErrorReport& error) {
  records_.Write(
      [&](RecordFormat& format, std::string& out) {
        if (!assignment_id.empty()) format.TextField(out, "assignment_id", assignment_id);
        format.NumberField(out, "line", line);
        format.Error(out, error);
      },
      interrupt_fd_);
  if (!files_.HasLine()) records_.Flush(interrupt_fd_);
}

}  // namespace dispatchctl::cli
