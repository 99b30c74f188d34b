#pragma once

#include <chrono>

namespace dispatchctl::cli {

/// Spreads work over time: a token bucket, kept as the time at which the next token would be due (the generic
/// cell rate algorithm, ITU-T I.371). It starts empty, so that no burst comes first; what was missed by
/// waking late is caught up on, as far as kBurst reaches. Pure: the time is passed in.
class RatePacer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// How much of the rate may come at once.
  static constexpr std::chrono::milliseconds kBurst{50};

  /// `per_second` is greater than zero.
  RatePacer(double per_second, TimePoint start) : interval_(1e9 / per_second), start_(start) {}

  /// True when one may go now, which uses up its token.
  bool Take(TimePoint now);

  /// When the next one may go; rounded up, so that Take succeeds then.
  TimePoint next() const;

 private:
  using Nanoseconds = std::chrono::duration<double, std::nano>;

  const Nanoseconds interval_;
  const TimePoint start_;
  Nanoseconds due_{kBurst};  // of the next token, since start_
};

}  // namespace dispatchctl::cli
