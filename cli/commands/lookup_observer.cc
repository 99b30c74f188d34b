#include "commands/lookup_observer.h"

#include <string>

#include "commands/client_setup.h"
#include "output/call_story.h"

namespace dispatchctl::cli {

void LookupObserver::OnLookup(std::string_view courier_id, std::chrono::steady_clock::time_point started,
                              const absl::Status& status, const CallReport& report) const {
  if (console_.verbose()) {
    for (const std::string& line : CallStory(courier_id, status, report)) console_.Detail(line);
  }
  if (trace_ == nullptr) return;
  trace_->Add({.method = kLookupMethod,
               .courier_id = courier_id,
               .started = started,
               .status = status,
               .report = report});
}

void LookupObserver::Flush() const {
  if (trace_ != nullptr) trace_->Flush();
}

absl::Status TimedBulkLookup::TrySubmit(std::string_view courier_id, std::uint64_t tag) {
  // Its result may come before this returns.
  Remember(tag);
  return lookup_->TrySubmit(courier_id, tag);
}

absl::Status TimedBulkLookup::Submit(std::string_view courier_id, std::uint64_t tag) {
  Remember(tag);
  return lookup_->Submit(courier_id, tag);
}

void TimedBulkLookup::Remember(std::uint64_t tag) {
  const std::lock_guard lock(mutex_);
  starts_[tag] = Clock::now();
}

TimedBulkLookup::Clock::time_point TimedBulkLookup::TakeStart(std::uint64_t tag) {
  const std::lock_guard lock(mutex_);
  const auto found = starts_.find(tag);
  if (found == starts_.end()) return Clock::now();
  const Clock::time_point start = found->second;
  starts_.erase(found);
  return start;
}

}  // namespace dispatchctl::cli
