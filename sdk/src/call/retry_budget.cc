#include "call/retry_budget.h"

#include <algorithm>
#include <cmath>

namespace dispatchctl::internal {
namespace {

constexpr std::int64_t kRetryToken = 1000;
// Far above any bucket and far below where sums overflow.
constexpr double kMostRetryTokens = 1e12;

std::int64_t Thousandths(double tokens) {
  return std::max<std::int64_t>(1, std::llround(std::min(tokens, kMostRetryTokens) * kRetryToken));
}

}  // namespace

RetryBudget::RetryBudget(const RetryThrottling& throttling)
    : max_thousandths_(Thousandths(throttling.max_tokens)),
      gain_thousandths_(Thousandths(throttling.token_ratio)),
      min_concurrent_(static_cast<std::uint64_t>(std::max(throttling.min_concurrent, 0))),
      max_concurrent_ratio_(throttling.max_concurrent_ratio),
      thousandths_(max_thousandths_) {}

void RetryBudget::OnSuccess() {
  std::int64_t before = thousandths_.load(std::memory_order_relaxed);
  // Mostly the bucket is full, and then the threads share its cache line unwritten.
  while (before < max_thousandths_ &&
         !thousandths_.compare_exchange_weak(before, std::min(before + gain_thousandths_, max_thousandths_),
                                             std::memory_order_relaxed)) {
  }
}

bool RetryBudget::OnFailure() {
  std::int64_t before = thousandths_.load(std::memory_order_relaxed);
  std::int64_t after;
  do {
    after = std::max<std::int64_t>(before - kRetryToken, 0);
  } while (!thousandths_.compare_exchange_weak(before, after, std::memory_order_relaxed));
  return 2 * after > max_thousandths_;
}

bool RetryBudget::MayHedge() const {
  return 2 * thousandths_.load(std::memory_order_relaxed) > max_thousandths_;
}

RetryBudget::Slot RetryBudget::TryAcquire(std::uint64_t calls_in_flight) {
  const std::uint64_t share =
      static_cast<std::uint64_t>(max_concurrent_ratio_ * static_cast<double>(calls_in_flight));
  const std::uint64_t limit = std::max(min_concurrent_, share);
  std::uint64_t before = in_flight_.load(std::memory_order_relaxed);
  do {
    if (before >= limit) return Slot();
  } while (!in_flight_.compare_exchange_weak(before, before + 1, std::memory_order_relaxed));
  return Slot(this);
}

double RetryBudget::tokens() const {
  return static_cast<double>(thousandths_.load(std::memory_order_relaxed)) / kRetryToken;
}

}  // namespace dispatchctl::internal
