#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace dispatchctl::mock {

// How long each answer is held back: `latency`, more or less by up to `jitter`, never below zero.
// The sequence depends on the seed alone. Not thread-safe.
class Delay {
 public:
  Delay(std::chrono::microseconds latency, std::chrono::microseconds jitter, std::uint64_t seed)
      : latency_(latency), jitter_(jitter), random_(seed) {}

  bool none() const { return latency_.count() == 0 && jitter_.count() == 0; }
  std::chrono::microseconds Next();

 private:
  std::chrono::microseconds latency_;
  std::chrono::microseconds jitter_;
  std::mt19937_64 random_;
};

}  // namespace dispatchctl::mock
