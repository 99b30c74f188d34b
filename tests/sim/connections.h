#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "endpoints/random.h"
#include "event_queue.h"
#include "service.h"

namespace dispatchctl::sim {

// When a lost connection is made again: the first time by the client's own schedule, then as gRPC core has it
// (doc/connection-backoff.md), a model with the constants and the first wait that the client gives to it.
class ReconnectTimes {
 public:
  // `spread`: as the client has it; false: as core has it by itself, at once and then in step.
  explicit ReconnectTimes(bool spread = true) : spread_(spread) {}

  // From the loss to the first attempt.
  std::chrono::nanoseconds FirstWait(internal::RandomSource& random) const;

  // From an attempt that has failed to the next.
  std::chrono::nanoseconds NextWait(internal::RandomSource& random);

 private:
  const bool spread_;
  double milliseconds_ = 0;
};

// Which clients are connected to an endpoint that goes away and comes back. Nothing is kept: what one
// client's reconnecting comes to is drawn anew, and alike, whenever somebody asks. There are as many
// connections as pairs of client and endpoint, millions.
class Connections {
 public:
  Connections(std::uint64_t seed, std::chrono::nanoseconds round_trip)
      : seed_(seed), round_trip_(round_trip) {}

  bool IsReady(std::size_t client, std::size_t endpoint, const Backend& backend, Time now) const;

 private:
  Time ReadyAgain(std::size_t client, std::size_t endpoint, const Backend& backend) const;

  const std::uint64_t seed_;
  const std::chrono::nanoseconds round_trip_;
};

}  // namespace dispatchctl::sim
