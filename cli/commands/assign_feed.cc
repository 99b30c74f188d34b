#include "commands/assign_feed.h"

#include <dispatchctl/validation.h>
#include <fmt/format.h>
#include <poll.h>

#include <utility>

namespace dispatchctl::cli {

AssignFeed::AssignFeed(Options options, InputFiles& files, RecordStream& records, AssignResults& results,
                       const Console& console, std::atomic<bool>& finished)
    : options_(std::move(options)),
      files_(files),
      records_(records),
      results_(results),
      console_(console),
      finished_(finished),
      reader_(files, options_.assign) {
  if (options_.assign.rate.has_value()) pacer_.emplace(*options_.assign.rate, options_.now());
}

Feed::Wants AssignFeed::Pump(bool readable) {
  if (readable) {
    input_error_ = files_.Fill();
    if (input_error_.has_value()) return Wants::kEnd;
  }
  const Wants wants = Work();
  if (std::exchange(unflushed_, false)) records_.Flush(options_.interrupt_fd);
  return wants;
}

Feed::Wants AssignFeed::Work() {
  for (;;) {
    if (!record_.has_value()) {
      if (const std::optional<Wants> wants = TakeRecord()) return *wants;
    }
    switch (Proceed()) {
      case Step::kNext:
        record_.reset();
        break;
      case Step::kTooSoon:
        return Wants::kTime;
      case Step::kStop:
        if (input_error_.has_value()) return Wants::kEnd;
        // The stream has ended: the SDK has the next word.
        return Wants::kRoom;
      case Step::kNoRoom:
        return Wants::kRoom;
    }
  }
}

std::optional<Feed::Wants> AssignFeed::TakeRecord() {
  switch (reader_.Next(update_)) {
    case UpdateReader::Result::kIncomplete:
      return Wants::kInput;
    case UpdateReader::Result::kEnd:
      return Wants::kEnd;
    case UpdateReader::Result::kUnreadable:
      input_error_ =
          InputError(fmt::format("{}: {}", Where(), reader_.problem()),
                     "the first line names the columns: assignment_id,courier_id,destination_zone; "
                     "others can be mapped or ignored with --csv-map");
      return Wants::kEnd;
    case UpdateReader::Result::kBadRecord:
      record_ = Record{.unusable = true, .problem = reader_.problem()};
      return std::nullopt;
    case UpdateReader::Result::kUpdate:
      record_.emplace();
      return std::nullopt;
  }
  return Wants::kEnd;
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
  if (left_unsent_ || record_.has_value() || files_.HasLine()) return true;
  pollfd input{files_.fd(), POLLIN, 0};
  if (files_.AtEnd() || ::poll(&input, 1, 0) <= 0) return false;
  return !files_.Fill().has_value() && files_.HasLine();
}

AssignFeed::Step AssignFeed::Proceed() {
  if (record_->unusable) return Refuse();
  if (options_.answered != nullptr && !std::exchange(record_->compared, true)) {
    // What cannot be sent must not use up the result of another record of the same id.
    if (const absl::Status status = ValidateUpdate(update_); !status.ok()) {
      record_ = Record{.unusable = true, .problem = std::string(status.message()), .has_id = true};
      return Refuse();
    }
    switch (options_.answered->TakeResult(update_.assignment_id)) {
      case Answered::Verdict::kAnswered:
        ++answered_before_;
        return Step::kNext;
      case Answered::Verdict::kMismatch:
        return Mismatch();
      case Answered::Verdict::kNew:
        break;
    }
  }
  return Submit();
}

AssignFeed::Step AssignFeed::Submit() {
  absl::Status status;
  if (stream_ == nullptr) {
    status = ValidateUpdate(update_);
  } else {
    if (!Announce()) return Step::kNoRoom;
    if (pacer_.has_value() && !record_->paced) {
      record_->paced = pacer_->Take(options_.now());
      if (!record_->paced) return Step::kTooSoon;
    }
    status = stream_->TrySubmit(update_, reader_.place().Pack());
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
      ++handed_in_;
      return Step::kNext;
    case absl::StatusCode::kResourceExhausted:
      return Step::kNoRoom;
    case absl::StatusCode::kInvalidArgument:
      record_->unusable = true;
      record_->compared = false;
      record_->has_id = true;
      record_->problem = std::string(status.message());
      return Refuse();
    default:
      left_unsent_ = true;
      return Step::kStop;
  }
}

AssignFeed::Step AssignFeed::Refuse() {
  const std::uint64_t line = reader_.place().line;
  std::string message = fmt::format("{}: {}", Where(), record_->problem);
  switch (options_.assign.bad_record) {
    case BadRecord::kFail:
      input_error_ = InputError(std::move(message), "go on past bad lines with --bad-record skip or report");
      return Step::kStop;
    case BadRecord::kSkip:
      if (options_.answered != nullptr) options_.answered->PassFailure(line);
      if (record_->announced) results_.Withdraw();
      ++skipped_;
      console_.Note(fmt::format("{} (skipped)", message));
      return Step::kNext;
    case BadRecord::kReport:
      break;
  }
  if (options_.answered != nullptr && !std::exchange(record_->compared, true)) {
    switch (options_.answered->TakeFailure(line)) {
      case Answered::Verdict::kAnswered:
        ++reported_;
        ++answered_before_;
        return Step::kNext;
      case Answered::Verdict::kMismatch:
        return Mismatch();
      case Answered::Verdict::kNew:
        break;
    }
  }
  if (!Announce()) return Step::kNoRoom;
  ++reported_;
  unflushed_ = true;
  results_.Report(reader_.place().Pack(), record_->has_id ? update_.assignment_id : std::string_view(),
                  InputError(std::move(message)), options_.interrupt_fd);
  return Step::kNext;
}

bool AssignFeed::Announce() {
  if (!record_->announced) record_->announced = results_.Expect(reader_.place().Pack());
  return record_->announced;
}

AssignFeed::Step AssignFeed::Mismatch() {
  input_error_ =
      InputError(fmt::format("{}: {}", Where(), options_.answered->mismatch()),
                 "with --ordered, the file must hold the results of the input's beginning, in its order");
  return Step::kStop;
}

}  // namespace dispatchctl::cli
