#include "dispatchctl/circuit_breaker.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

std::string BreakerStateName(BreakerState state) {
  switch (state) {
    case BreakerState::kClosed:
      return "closed";
    case BreakerState::kHalfOpen:
      return "half-open";
    case BreakerState::kOpen:
      return "open";
  }
  return "unknown state: " + std::to_string(static_cast<int>(state));
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
