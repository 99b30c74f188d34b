#include "call/hedge_budget.h"

#include <algorithm>
#include <cmath>

namespace dispatchctl::internal {
namespace {

constexpr std::int64_t kHedgeToken = 1'000'000;

}  // namespace

HedgeBudget::HedgeBudget(int burst)
    : most_(std::max(burst, 1) * kHedgeToken), tokens_(std::min(most_, kFirstTokens * kHedgeToken)) {}

void HedgeBudget::OnCall(double ratio) {
  const std::int64_t gain = std::llround(std::clamp(ratio, 0.0, 1.0) * kHedgeToken);
  std::int64_t before = tokens_.load(std::memory_order_relaxed);
  while (before < most_ && gain > 0 &&
         !tokens_.compare_exchange_weak(before, std::min(before + gain, most_), std::memory_order_relaxed)) {
  }
}

bool HedgeBudget::TryTake() {
  std::int64_t before = tokens_.load(std::memory_order_relaxed);
  do {
    if (before < kHedgeToken) return false;
  } while (!tokens_.compare_exchange_weak(before, before - kHedgeToken, std::memory_order_relaxed));
  return true;
}

}  // namespace dispatchctl::internal
