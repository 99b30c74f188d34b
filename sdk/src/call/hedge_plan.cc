#include "call/hedge_plan.h"

#include <algorithm>

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr nanoseconds kLeastAutomaticDelay = milliseconds(1);
// Long past any deadline, and safe to add to any time.
constexpr milliseconds kForever = std::chrono::hours(24 * 365);

}  // namespace

std::optional<nanoseconds> HedgeDelay(const HedgingPolicy& policy, std::optional<nanoseconds> usual) {
  // The budget starts with a few tokens, which a share of nothing must not spend.
  if (policy.max_ratio <= 0) return std::nullopt;
  switch (policy.mode) {
    case HedgingMode::kOff:
      return std::nullopt;
    case HedgingMode::kFixed:
      return policy.delay;
    case HedgingMode::kAutomatic:
      if (!usual) return std::nullopt;
      return std::max(*usual, kLeastAutomaticDelay);
  }
  return std::nullopt;
}

HedgePlan::HedgePlan(const HedgingPolicy& policy, const CallRetryPolicy& retry,
                     std::optional<nanoseconds> delay)
    : retry_(retry), delay_(delay), max_hedges_(policy.max_hedges) {}

void HedgePlan::OnAttempt(Time now) {
  if (delay_ && !stopped_ && hedges_ < max_hedges_) next_ = now + std::min<nanoseconds>(*delay_, kForever);
}

bool HedgePlan::TryHedge(int attempts, HedgeBudget& hedges, const RetryBudget& retries, Time now,
                         Time deadline) {
  if (!next_ || now < *next_) return false;
  next_.reset();
  if (attempts >= retry_.max_attempts || now >= deadline) return false;
  if (!retries.MayHedge() || !hedges.TryTake()) return false;
  ++hedges_;
  OnAttempt(now);
  return true;
}

HedgePlan::AfterFailure HedgePlan::OnFailure(const AttemptFailure& failure, int others_in_flight,
                                             RetryBudget& retries, Time now) {
  const bool forbidden = failure.pushback && failure.pushback->Forbids();
  const bool retryable = IsRetryable(failure, retry_);
  const bool last = others_in_flight == 0;
  if (last && !stopped_) {
    next_.reset();
    return AfterFailure::kRetry;
  }
  if ((forbidden || retryable) && failure.charged) retries.OnFailure();
  if (forbidden) stopped_ = true;
  if (stopped_ || !retryable) next_.reset();
  if (last || !retryable) return AfterFailure::kEnd;
  if (next_) {
    // Bounded before it is converted: a server may name more milliseconds than there are nanoseconds to
    // count.
    next_ = failure.pushback ? now + std::min(*failure.pushback->delay, kForever) : now;
  }
  return AfterFailure::kWait;
}

}  // namespace dispatchctl::internal
