#pragma once

#include <chrono>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// When a hedge is sent.
enum class HedgingMode {
  kOff,
  kFixed,      ///< after HedgingPolicy::delay
  kAutomatic,  ///< after the 95th percentile of what lookups have taken lately, once enough were seen
};

/// When a lookup that is slow to answer is sent to another endpoint as well. The first answer counts; the
/// others are cancelled, and neither a breaker nor a latency statistic hears of them.
struct HedgingPolicy {
  HedgingMode mode = HedgingMode::kOff;  ///< when the first one is sent

  /// kFixed: how long to wait for an answer. Zero or more.
  std::chrono::nanoseconds delay{0};

  /// Most hedges of one call, 1 to 10.
  int max_hedges = 1;

  /// Most hedges, as a share of all lookups of the client; 0 to 1. A few more are allowed at first, for the
  /// share of a few calls is none. They come out of the retry budget's concurrency too. kFixed obeys it as
  /// well.
  double max_ratio = 0.05;
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
