#include "commands/stream_end.h"

#include "commands/client_setup.h"

namespace dispatchctl::cli {

void StreamEnd::Set(const absl::Status& status, const CallReport& report) {
  if (trace_ != nullptr) {
    trace_->Add(
        {.method = kAssignMethod, .courier_id = {}, .started = opened_, .status = status, .report = report});
  }
  const std::lock_guard lock(mutex_);
  status_ = status;
  report_ = report;
}

absl::Status StreamEnd::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

CallReport StreamEnd::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

}  // namespace dispatchctl::cli
