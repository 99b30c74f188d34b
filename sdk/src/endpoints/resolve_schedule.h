#pragma once

#include <algorithm>
#include <chrono>

namespace dispatchctl::internal {

// When names are resolved again: every `interval`; sooner when asked to, but a second after the last answer
// at the earliest; after a failure, in steps that double from a second to the interval.
class ResolveSchedule {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit ResolveSchedule(std::chrono::milliseconds interval)
      : interval_(interval), least_(std::min<std::chrono::milliseconds>(interval, kLeast)) {}

  void OnResolved(bool ok, Time now) {
    failure_delay_ = ok ? std::chrono::milliseconds(0)
                        : std::clamp<std::chrono::milliseconds>(2 * failure_delay_, least_, interval_);
    last_ = now;
    next_ = now + (ok ? interval_ : failure_delay_);
  }

  void OnRequest() { next_ = std::min(next_, last_ + least_); }

  Time next() const { return next_; }

 private:
  static constexpr std::chrono::seconds kLeast{1};

  const std::chrono::milliseconds interval_;
  const std::chrono::milliseconds least_;
  std::chrono::milliseconds failure_delay_{0};
  Time last_{};
  Time next_{};  // at once
};

}  // namespace dispatchctl::internal
