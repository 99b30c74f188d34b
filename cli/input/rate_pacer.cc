#include "input/rate_pacer.h"

#include <algorithm>

namespace dispatchctl::cli {

bool RatePacer::Take(TimePoint now) {
  const Nanoseconds elapsed = now - start_;
  if (elapsed < due_ - kBurst) return false;
  due_ = std::max(due_, elapsed) + interval_;
  return true;
}

RatePacer::TimePoint RatePacer::next() const {
  return start_ + std::chrono::ceil<std::chrono::nanoseconds>(due_ - kBurst);
}

}  // namespace dispatchctl::cli
