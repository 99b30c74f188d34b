#pragma once

#include <chrono>
#include <optional>

#include "call/hedge_budget.h"
#include "call/retry_state.h"
#include "dispatchctl/hedging.h"

namespace dispatchctl::internal {

// How long an attempt is waited for before a hedge joins it. nullopt: no hedge. `usual`: the 95th percentile
// of what lookups take, nullopt before enough were seen; hedges never come earlier than after a millisecond
// because of it.
std::optional<std::chrono::nanoseconds> HedgeDelay(const HedgingPolicy& policy,
                                                   std::optional<std::chrono::nanoseconds> usual);

// One call's hedges, by the rules of gRFC A6. Knows no clock and no thread: used by one thread at a time.
//
// Hedges and retries share CallRetryPolicy::max_attempts: at most so many attempts are made in all. While
// several attempts are in flight this plan decides what a failure means; the failure of the last one is
// RetryState's, with its delay. A retry is an attempt like the first: it may be hedged, if hedges are left.
class HedgePlan {
 public:
  enum class AfterFailure {
    kEnd,   // the call ends with this failure, and the other attempts are cancelled: it is final, or a server
            // has asked not to be tried again and nothing else is in flight
    kWait,  // for the other attempts, and for next_hedge(), which may be due already
    kRetry,  // nothing is in flight any more: RetryState::OnFailure decides, which takes the token as well
  };

  // `delay`: from HedgeDelay.
  HedgePlan(const HedgingPolicy& policy, const CallRetryPolicy& retry,
            std::optional<std::chrono::nanoseconds> delay);

  // The first attempt, or a retry, goes out.
  void OnAttempt(Time now);

  // When to ask TryHedge. nullopt: not as things are.
  std::optional<Time> next_hedge() const { return next_; }

  // At next_hedge(). True: a hedge is to go out now, and its tokens are taken; room for it in flight is the
  // caller's to acquire. False: this attempt gets no company any more. `attempts`: made so far.
  bool TryHedge(int attempts, HedgeBudget& hedges, const RetryBudget& retries, Time now, Time deadline);

  // `others_in_flight`: attempts, this one not included. Takes a token from the budget where the call goes on
  // without RetryState.
  AfterFailure OnFailure(const AttemptFailure& failure, int others_in_flight, RetryBudget& retries, Time now);

  int hedges() const { return hedges_; }

 private:
  const CallRetryPolicy retry_;
  const std::optional<std::chrono::nanoseconds> delay_;
  const int max_hedges_;
  int hedges_ = 0;
  bool stopped_ = false;  // a server asked not to be tried again
  std::optional<Time> next_;
};

}  // namespace dispatchctl::internal
