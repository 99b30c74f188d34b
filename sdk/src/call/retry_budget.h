#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "dispatchctl/retry.h"

namespace dispatchctl::internal {

// What all calls of a client together may spend on retries and hedges: the token bucket of gRFC A6 and a
// limit on how many are in flight at once (as Envoy's retry budget). Thread-safe and lock-free.
//
// It says whether there may be a further attempt and nothing else: a first attempt never asks it.
class RetryBudget {
 public:
  explicit RetryBudget(const RetryThrottling& throttling);
  RetryBudget(const RetryBudget&) = delete;
  RetryBudget& operator=(const RetryBudget&) = delete;

  void OnSuccess();

  // A retryable failure, or a server that asks not to be tried again: takes one token. True: more than half
  // of them are left after it, so that a retry may follow.
  bool OnFailure();

  // True: more than half of the tokens are left.
  bool MayHedge() const;

  // Room for one retry or hedge in flight, given back by the destructor. Must not outlive the budget.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(budget_, other.budget_);
      return *this;
    }
    ~Slot() {
      if (budget_ != nullptr) budget_->in_flight_.fetch_sub(1, std::memory_order_relaxed);
    }

    // False: there was no room.
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    friend class RetryBudget;
    explicit Slot(RetryBudget* budget) : budget_(budget) {}

    RetryBudget* budget_ = nullptr;
  };

  // `calls_in_flight`: of the client, the asking one included. An empty slot: as many retries and hedges are
  // in flight as may be.
  Slot TryAcquire(std::uint64_t calls_in_flight);

  double tokens() const;
  std::uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t max_thousandths_;
  const std::int64_t gain_thousandths_;  // of a success
  const std::uint64_t min_concurrent_;
  const double max_concurrent_ratio_;

  std::atomic<std::int64_t> thousandths_;
  std::atomic<std::uint64_t> in_flight_{0};
};

}  // namespace dispatchctl::internal
