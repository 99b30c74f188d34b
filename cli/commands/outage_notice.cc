#include "commands/outage_notice.h"

#include <fmt/format.h>

#include "output/error_report.h"
#include "text/quantity.h"

namespace dispatchctl::cli {

void OutageNotice::OnInterruption(const StreamInterruption& interruption, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!interruption.resumed) {
    if (interrupted_++ != 0) return;
    since_ = now;
    cause_ =
        fmt::format("{} was lost: {} ({}); {} unacknowledged", interruption.endpoint,
                    std::string(interruption.status.message()), StatusCodeName(interruption.status.code()),
                    Plural(interruption.unacknowledged, "assignment"));
    return;
  }
  if (interrupted_ == 0 || --interrupted_ != 0 || !told_) return;
  told_ = false;
  console_.Note(
      fmt::format("the stream goes on with {} after {}", interruption.endpoint, Seconds(now - since_)));
}

void OutageNotice::Tick(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (interrupted_ == 0 || told_ || now - since_ < kLong) return;
  told_ = true;
  console_.Warn(fmt::format("waiting for a server to go on with: {}", cause_));
}

}  // namespace dispatchctl::cli
