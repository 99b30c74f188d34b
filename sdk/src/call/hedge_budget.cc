#include "call/hedge_budget.h"

#include <algorithm>
#include <cmath>

namespace dispatchctl::internal {
namespace {

constexpr std::int64_t kToken = 1'000'000;

}  // namespace

HedgeBudget::HedgeBudget(int burst)
    : most_(std::max(burst, 1) * kToken), tokens_(std::min(most_, kFirstTokens * kToken)) {}

void HedgeBudget::OnCall(double ratio) {
  const std::int64_t gain = std::llround(std::clamp(ratio, 0.0, 1.0) * kToken);
  std::int64_t before = tokens_.load(std::memory_order_relaxed);
  while (before < most_ && gain > 0 &&
         !tokens_.compare_exchange_weak(before, std::min(before + gain, most_), std::memory_order_relaxed)) {
  }
}

bool HedgeBudget::TryTake() {
  std::int64_t before = tokens_.load(std::memory_order_relaxed);
  do {
    if (before < kToken) return false;
  } while (!tokens_.compare_exchange_weak(before, before - kToken, std::memory_order_relaxed));
  return true;
}

}  // namespace dispatchctl::internal
