#pragma once

#include <chrono>

namespace dispatchctl::internal {

// How long gRPC waits between attempts to connect that fail: at first the initial backoff, without any
// jitter, then 1.6 times as long as before, more or less by up to 20 %. Its own figures (1 s to 120 s) leave
// a restarted server unused for minutes.
constexpr std::chrono::milliseconds kLeastInitialReconnectBackoff{100};  // gRPC takes no less
constexpr std::chrono::milliseconds kMostInitialReconnectBackoff{300};
constexpr std::chrono::milliseconds kMaxReconnectBackoff{3000};

// Each channel has one of its own, or all the clients that a server has left would come back to it at one
// instant. `unit_random`: 0 to 1.
constexpr std::chrono::milliseconds InitialReconnectBackoff(double unit_random) {
  const auto spread = kMostInitialReconnectBackoff - kLeastInitialReconnectBackoff;
  return kLeastInitialReconnectBackoff +
         std::chrono::milliseconds(
             static_cast<std::chrono::milliseconds::rep>(static_cast<double>(spread.count()) * unit_random));
}

}  // namespace dispatchctl::internal
