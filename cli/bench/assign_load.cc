#include "bench/assign_load.h"

#include <fmt/format.h>

#include <utility>

#include "commands/client_setup.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

// A tag is when the assignment should have been sent, in nanoseconds since the begin.
nanoseconds StartOf(std::uint64_t tag) {
  return nanoseconds(static_cast<std::int64_t>(tag));
}

}  // namespace

std::optional<ErrorReport> AssignLoad::Open(const Client& client) {
  StreamOptions stream;
  stream.window = options_.window;
  stream.streams = options_.streams;
  stream.on_result = [this](AssignmentOutcome&& outcome) { OnResult(outcome); };
  stream.on_writable = options_.on_room;
  stream.on_finished = options_.on_finished;
  auto opened = client.StreamAssignments(std::move(stream));
  if (!opened.ok()) return OptionError(opened.status());
  stream_ = *std::move(opened);
  return std::nullopt;
}

Load::Start AssignLoad::TryStart(std::uint64_t index, nanoseconds intended, TimePoint /*now*/, bool held_up) {
  const nanoseconds handed_in = Clock::now() - begin_;
  const nanoseconds start = options_.open ? intended : handed_in;
  const BenchSubject& subject = subjects_[index % subjects_.size()];
  AssignmentUpdate update{.assignment_id = fmt::format("{}-{}", options_.id_prefix, index),
                          .courier_id = subject.courier_id,
                          .destination_zone = subject.zone};
  const absl::Status status = stream_->TrySubmit(update, static_cast<std::uint64_t>(start.count()));
  if (status.code() == absl::StatusCode::kResourceExhausted) return Start::kNoRoom;
  if (status.code() == absl::StatusCode::kFailedPrecondition) return Start::kEnded;
  const bool measured = intended >= options_.warmup;
  if (!status.ok()) {
    if (measured) tally_.AddFailures(StatusCodeName(status.code()), 1);
    return Start::kStarted;
  }
  if (measured && options_.open) tally_.AddStart(handed_in - intended, held_up);
  return Start::kStarted;
}

void AssignLoad::Settle(std::string_view code) {
  const TimePoint now = Clock::now();
  for (const UnacknowledgedAssignment& left : stream_->Unacknowledged()) {
    const nanoseconds start = StartOf(left.tag);
    if (start < options_.warmup) continue;
    if (code.empty()) {
      tally_.AddUnfinished(1);
    } else {
      tally_.AddFailure(now, now - (begin_ + start), code, 0);
    }
  }
}

void AssignLoad::OnResult(const AssignmentOutcome& outcome) {
  const TimePoint now = Clock::now();
  const nanoseconds start = StartOf(outcome.tag);
  if (start < options_.warmup) return tally_.AddWarmUp();
  tally_.AddDecision(now, now - (begin_ + start), outcome.result.accepted);
}

}  // namespace dispatchctl::cli
