#pragma once

#include <atomic>
#include <cstdint>

namespace dispatchctl::internal {

// Keeps the hedges of a client to a share of its lookups: a bucket that each call fills by that share of a
// token, and from which each hedge takes a whole one. It starts with a few, for the share of a few calls is
// none. Thread-safe and lock-free.
class HedgeBudget {
 public:
  static constexpr int kDefaultBurst = 10;
  static constexpr int kFirstTokens = 3;

  // `burst`: most tokens it holds, 1 or more: the hedges that may follow each other at once.
  explicit HedgeBudget(int burst = kDefaultBurst);
  HedgeBudget(const HedgeBudget&) = delete;
  HedgeBudget& operator=(const HedgeBudget&) = delete;

  // A lookup has begun that may be hedged. `ratio`: HedgingPolicy::max_ratio, 0 to 1, counted in millionths.
  void OnCall(double ratio);

  // True: takes a token, and a hedge may go out.
  bool TryTake();

 private:
  const std::int64_t most_;  // in millionths of a token, as is the next
  std::atomic<std::int64_t> tokens_;
};

}  // namespace dispatchctl::internal
