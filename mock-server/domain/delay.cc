#include "mock-server/domain/delay.h"

#include <algorithm>

namespace dispatchctl::mock {

std::chrono::microseconds Delay::Next() {
  if (jitter_.count() == 0) return latency_;
  // Not a standard distribution: those may draw differently in another library. The bias is below 1 in 10^12.
  const std::uint64_t width = static_cast<std::uint64_t>(jitter_.count()) * 2 + 1;
  const auto offset = std::chrono::microseconds(static_cast<std::int64_t>(random_() % width)) - jitter_;
  return std::max(latency_ + offset, std::chrono::microseconds(0));
}

}  // namespace dispatchctl::mock
