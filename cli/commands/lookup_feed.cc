#include "commands/lookup_feed.h"

#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <utility>

#include "input/courier_id_line.h"

namespace dispatchctl::cli {
Feed::Wants LookupFeed::Pump(bool readable) {
  if (readable) {
    read_error_ = files_.Fill();
    if (read_error_.has_value()) return Wants::kEnd;
  }
  if (waiting_.has_value()) {
    const std::string courier_id = *std::move(waiting_);
    waiting_.reset();
    --tag_;
    if (Submit(courier_id) != Step::kSubmitted) return Wants::kRoom;
  }
  while (source_ < sources_.size()) {
    const LookupSource& source = sources_[source_];
    if (source.is_file) {
      if (const std::optional<Wants> wants = PumpFile()) return *wants;
      ++source_;
      continue;
    }
    ++source_;
    if (Submit(source.text) != Step::kSubmitted) return Wants::kRoom;
  }
  return Wants::kEnd;
}

LookupFeed::Step LookupFeed::Submit(std::string_view courier_id) {
  const absl::Status status = lookup_->TrySubmit(courier_id, ++tag_);
  if (status.ok()) return Step::kSubmitted;
  if (status.code() == absl::StatusCode::kResourceExhausted) {
    waiting_ = std::string(courier_id);
    return Step::kNoRoom;
  }
  // Cancelled: the loop is about to end.
  return Step::kStopped;
}

std::optional<Feed::Wants> LookupFeed::PumpFile() {
  for (;;) {
    Line line;
    const LineReader::Result result = files_.Next(line);
    if (files_.current() != file_) {
      file_ = files_.current();
      return std::nullopt;
    }
    Step step = Step::kSubmitted;
    switch (result) {
      case LineReader::Result::kIncomplete:
        return Wants::kInput;
      case LineReader::Result::kEnd:
        return std::nullopt;
      case LineReader::Result::kTooLong:
      case LineReader::Result::kOpenQuote:
        step = SubmitBadLine(line, {}, "line too long to be an id");
        break;
      case LineReader::Result::kLine:
        if (!IsBlank(line)) step = SubmitLine(line);
        break;
    }
    if (step != Step::kSubmitted) return Wants::kRoom;
  }
}

LookupFeed::Step LookupFeed::SubmitLine(const Line& line) {
  const std::string_view text(line.data, line.size);
  const absl::StatusOr<std::string> courier_id = CourierIdOf(text);
  if (!courier_id.ok()) {
    const bool is_text = courier_id.status().code() != absl::StatusCode::kDataLoss;
    return SubmitBadLine(line, is_text ? std::string_view() : text,
                         std::string(courier_id.status().message()));
  }
  return Submit(*courier_id);
}

LookupFeed::Step LookupFeed::SubmitBadLine(const Line& line, std::string_view courier_id,
                                           std::string_view what) {
  const std::string place = files_.Describe({.input = files_.current(), .line = line.number});
  {
    const std::lock_guard lock(mutex_);
    bad_lines_.emplace(tag_ + 1, BadLookupLine{.courier_id = std::string(courier_id),
                                               .line = line.number,
                                               .error = InputError(fmt::format("{}: {}", place, what))});
  }
  return Submit({});
}

std::optional<BadLookupLine> LookupFeed::TakeBadLine(std::uint64_t tag) {
  const std::lock_guard lock(mutex_);
  const auto found = bad_lines_.find(tag);
  if (found == bad_lines_.end()) return std::nullopt;
  BadLookupLine line = std::move(found->second);
  bad_lines_.erase(found);
  return line;
}

}  // namespace dispatchctl::cli
