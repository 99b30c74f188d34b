#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "transport/channel.h"

namespace dispatchctl::internal {

// When an idle connection is made: at once, but one that was lost only after a random part of kSpread, lest
// all the clients of a server that went away come back at one instant. Attempts that fail are kept apart by
// gRPC itself. Knows no clock; not thread-safe.
class ReconnectSchedule {
 public:
  using Time = Clock::time_point;

  static constexpr std::chrono::milliseconds kSpread{200};

  // Takes in how the connection is now. `unit_random`: 0 to 1.
  void OnState(Connectivity state, Time now, double unit_random) {
    if (state == Connectivity::kIdle && last_ == Connectivity::kReady) {
      const auto most = static_cast<double>(std::chrono::nanoseconds(kSpread).count());
      due_ = now + std::chrono::nanoseconds(static_cast<std::int64_t>(most * unit_random));
    }
    if (state != Connectivity::kIdle || (due_ && now >= *due_)) due_.reset();
    last_ = state;
  }

  // Until when the connection, which is idle, is not to be made. Unset: it may be.
  std::optional<Time> due() const { return due_; }

 private:
  Connectivity last_ = Connectivity::kIdle;
  std::optional<Time> due_;
};

}  // namespace dispatchctl::internal
