#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// Numbered and named as in gobreaker.
enum class BreakerState { kClosed = 0, kHalfOpen = 1, kOpen = 2 };

/// "closed", "half-open", "open"; "unknown state: N" for any other value.
DISPATCHCTL_EXPORT std::string BreakerStateName(BreakerState state);

/// What a breaker has seen in its current window.
struct BreakerCounts {
  std::uint64_t requests = 0;    ///< admitted
  std::uint64_t successes = 0;   ///< admitted, and ended well for the endpoint
  std::uint64_t failures = 0;    ///< admitted, and failed
  std::uint64_t exclusions = 0;  ///< admitted, and ended in a way that says nothing of the endpoint
  std::uint64_t consecutive_successes = 0;  ///< since the last failure
  std::uint64_t consecutive_failures = 0;   ///< since the last success

  /// True when all fields are equal.
  friend bool operator==(const BreakerCounts& a, const BreakerCounts& b) {
    return a.requests == b.requests && a.successes == b.successes && a.failures == b.failures &&
           a.exclusions == b.exclusions && a.consecutive_successes == b.consecutive_successes &&
           a.consecutive_failures == b.consecutive_failures;
  }
  /// True when a field differs.
  friend bool operator!=(const BreakerCounts& a, const BreakerCounts& b) { return !(a == b); }
};

/// How the breaker of each endpoint works: the semantics of gobreaker v2 (github.com/sony/gobreaker), with
/// jitter on the open time-out and a lease on half-open probes: one without an outcome gives its place back
/// when `open_timeout` or its call's deadline is past, so that a probe that hangs cannot keep the breaker
/// half-open.
struct CircuitBreakerOptions {
  bool enabled = true;  ///< false: every call is let through

  /// Requests admitted while half-open, and successes in a row that close the breaker. 0 is taken as 1.
  std::uint32_t half_open_requests = 2;

  /// How far back a closed breaker looks. Zero or less: to its last change of state.
  std::chrono::nanoseconds window = std::chrono::seconds(10);

  /// The window moves on in steps of this, and is rounded up to a multiple of it. Zero or less: it does not
  /// move but starts afresh every `window`. Less than a thousandth of the window is taken as that.
  std::chrono::nanoseconds bucket = std::chrono::seconds(1);

  /// How long an open breaker refuses before it lets probes through. Zero or less: 60 s.
  std::chrono::nanoseconds open_timeout = std::chrono::seconds(2);

  /// Each open time-out is drawn from open_timeout * (1 +- this), so that many clients do not probe in step.
  /// 0 to 1; what is outside is taken as the nearer end.
  double open_timeout_jitter = 0.2;

  /// Whether a closed breaker opens; asked after each failure, with the counts that include it. Runs without
  /// locks held; may be called from several threads at once; must not throw. Unset: at least 10 requests of
  /// which half have failed, exclusions not counted.
  std::function<bool(const BreakerCounts&)> ready_to_trip = {};
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
