#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "transport/channel.h"

namespace dispatchctl::internal {

// When an idle connection is made. One that was lost, after a random part of kSpread, lest all the clients of
// a server that went away come back at one instant. Where one after the other did not last, after a
// random part of twice as long each time: gRPC backs off between attempts that fail, and not at all for a
// server that accepts and hangs up. Knows no clock; not thread-safe.
class ReconnectSchedule {
 public:
  using Time = Clock::time_point;

  static constexpr std::chrono::milliseconds kSpread{200};
  static constexpr std::chrono::milliseconds kLongestSpread{3000};

  // Takes in how the connection is now. `unit_random`: 0 to 1.
  void OnState(Connectivity state, Time now, double unit_random) {
    if (state == Connectivity::kReady && last_ != Connectivity::kReady) ready_since_ = now;
    // It may have been ready for less time than it takes to look.
    if (state == Connectivity::kIdle &&
        (last_ == Connectivity::kReady || last_ == Connectivity::kConnecting)) {
      const bool lasted = last_ == Connectivity::kReady && now - ready_since_ >= 2 * spread_;
      if (lasted) spread_ = kSpread;
      may_hurry_ = spread_ == kSpread;
      const auto most = static_cast<double>(std::chrono::nanoseconds(spread_).count());
      due_ = now + std::chrono::nanoseconds(static_cast<std::int64_t>(most * unit_random));
      if (!lasted) spread_ = std::min(2 * spread_, kLongestSpread);
    }
    if (state != Connectivity::kIdle || (due_ && now >= *due_)) due_.reset();
    last_ = state;
  }

  // Until when the connection, which is idle, is not to be made. Unset: it may be.
  std::optional<Time> due() const { return due_; }

  // Whether a call that has no other connection may have it made before that. Not where one after the other
  // did not last.
  bool may_hurry() const { return !due_ || may_hurry_; }

 private:
  Connectivity last_ = Connectivity::kIdle;
  Time ready_since_;
  std::chrono::milliseconds spread_ = kSpread;
  bool may_hurry_ = true;
  std::optional<Time> due_;
};

}  // namespace dispatchctl::internal
