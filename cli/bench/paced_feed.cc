#include "bench/paced_feed.h"

#include <optional>
#include <utility>

namespace dispatchctl::cli {

Feed::Wants PacedFeed::Pump(bool /*readable*/) {
  // Looked at once: what falls due while the others are started is for the next turn, so that signals are
  // heeded also by who cannot keep up.
  const TimePoint now = now_();
  if (!std::exchange(begun_, true)) {
    begin_ = now;
    load_.Begin(begin_);
  }
  const std::chrono::nanoseconds elapsed = now - begin_;
  const std::optional<std::chrono::nanoseconds> last_start = schedule_.LastStart();
  if (last_start.has_value() && elapsed >= *last_start) return Wants::kEnd;
  const bool held_up = std::exchange(held_up_, false);
  while (const std::optional<std::chrono::nanoseconds> start = schedule_.Next(elapsed)) {
    if (*start > elapsed) {
      resume_time_ = begin_ + *start;
      return Wants::kTime;
    }
    switch (load_.TryStart(schedule_.taken(), *start, now, held_up)) {
      case Load::Start::kStarted:
        schedule_.Take(*start);
        break;
      case Load::Start::kNoRoom:
        held_up_ = true;
        if (!last_start.has_value()) return Wants::kRoom;
        resume_time_ = begin_ + *last_start;
        return Wants::kRoomOrTime;
      case Load::Start::kEnded:
        return Wants::kEnd;
    }
  }
  return Wants::kEnd;
}

}  // namespace dispatchctl::cli
