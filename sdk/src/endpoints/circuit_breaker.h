#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "dispatchctl/circuit_breaker.h"
#include "endpoints/rolling_counts.h"

namespace dispatchctl::internal {

// What an attempt says of the endpoint. Excluded: nothing (the call was cancelled, say).
enum class Verdict { kSuccess, kFailure, kExcluded };

// Why an attempt is not admitted: the breaker is open, or half-open with all its probes taken.
enum class Refusal { kNone, kOpen, kTooManyRequests };

// The circuit breaker of one endpoint, with the semantics of gobreaker v2. It has no thread or timer: state
// and window move on when somebody touches it, and the time is whatever the caller says; a time before the
// last one moves nothing. Where it differs from gobreaker:
// - a permit that is dropped without a verdict is excluded, a second verdict is ignored;
// - a half-open probe without verdict gives its place back after a while, so that none can wedge the breaker;
// - observer and trip rule run without locks and may call the breaker;
// - the open time-out has jitter; numbers have 64 bits; refusals are counted.
//
// Thread-safe. A closed breaker admits and counts a success without a lock or allocation, an open one refuses
// so.
//
// Why nothing is lost or counted twice without a lock: the word `control_` holds the state, an epoch and the
// requests admitted in it. An epoch is one bucket of one closed window, or one stay in another state, and
// does not recur. Admission adds one to the word and learns, in that same step, which epoch it was counted
// in. Whoever ends an epoch (always under the mutex) replaces the word, and thereby gets every request that
// was counted in it; an admission that came later sees the next epoch. Words that are not of a closed epoch
// take stray additions from admissions that raced; nobody reads those. A verdict carries its epoch and counts
// only in the bucket of that epoch (RollingCounts); a change of state takes all buckets away, which makes
// every verdict under way stale.
class CircuitBreaker {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Called after the change, without locks held, in the order of the changes; may call the breaker. One call
  // at a time: a change that another thread makes meanwhile is reported by the thread that is at it. Must not
  // throw.
  using Observer = std::function<void(BreakerState from, BreakerState to)>;

  // `random`: uniform in [0, 1), for the open time-out's jitter; called with the breaker's lock held. Null:
  // no jitter.
  CircuitBreaker(const CircuitBreakerOptions& options, Time now, std::function<double()> random,
                 Observer observer = nullptr);

  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // Leave for one attempt, or the reason for there being none. Must not outlive the breaker. Not thread-safe.
  class Permit {
   public:
    Permit() = default;  // not admitted, for no reason
    Permit(Permit&& other) noexcept
        : breaker_(std::exchange(other.breaker_, nullptr)),
          id_(other.id_),
          probe_(other.probe_),
          admitted_(std::exchange(other.admitted_, false)),
          refusal_(std::exchange(other.refusal_, Refusal::kNone)) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this == &other) return *this;
      if (breaker_ != nullptr) Drop();
      breaker_ = std::exchange(other.breaker_, nullptr);
      id_ = other.id_;
      probe_ = other.probe_;
      admitted_ = std::exchange(other.admitted_, false);
      refusal_ = std::exchange(other.refusal_, Refusal::kNone);
      return *this;
    }
    ~Permit() {  // without a verdict: excluded
      if (breaker_ != nullptr) Drop();
    }

    explicit operator bool() const { return admitted_; }
    Refusal refusal() const { return refusal_; }

    // Only the first verdict counts.
    void Done(Verdict verdict, Time now);

   private:
    friend class CircuitBreaker;

    void Drop();

    CircuitBreaker* breaker_ = nullptr;  // null: owes no verdict
    std::uint64_t id_ = 0;               // of the probe, or the closed epoch
    bool probe_ = false;
    bool admitted_ = false;
    Refusal refusal_ = Refusal::kNone;
  };

  // `lease_until`: a half-open probe without verdict is reclaimed, as if excluded, when it has been under way
  // for longer than the open time-out or `lease_until` is past. Its verdict changes nothing from then on.
  Permit Admit(Time now, Time lease_until = Time::max());

  // What Admit would do, lock-free and without changing anything; for balancers that skip.
  bool WouldAdmit(Time now) const;

  // Moves on first: an open breaker whose time is up becomes half-open here.
  BreakerState state(Time now);

  // What state() would say, lock-free and without changing anything.
  BreakerState Peek(Time now) const;

  // Does not move on, so these may be of a window that is past.
  BreakerCounts counts() const;

  // Since the start; never reset.
  std::uint64_t rejections() const { return rejections_.load(std::memory_order_relaxed); }

 private:
  struct Probe {
    std::uint64_t id;
    Time reclaimed_after;
  };
  struct Change {
    BreakerState from;
    BreakerState to;
  };
  struct Look {
    std::uint64_t control;
    Time step_after;
  };

  Look LookAt() const;
  Permit Refuse(Refusal refusal);
  Permit AdmitLocked(Time now, Time lease_until);
  void MakeRoomForRequests();
  void Finish(std::uint64_t id, bool probe, Verdict verdict, Time now);
  void FinishProbe(std::uint64_t id, Verdict verdict, Time now);

  // With the mutex held:
  void MoveOn(Time now);
  void MoveWindowOn(Time now);
  void ReclaimProbes(Time now);
  void UpdateHalfOpenStep();
  void Enter(BreakerState next, Time now);
  void StartClosedEpoch(Time now);
  Time OpenUntil(Time now);
  bool ProbesAreTaken() const;
  BreakerCounts CountsLocked() const;

  // Unlocks in between.
  void Report(std::unique_lock<std::mutex>& lock);

  const bool enabled_;
  const std::uint32_t half_open_requests_;
  const std::size_t bucket_number_;
  const std::chrono::nanoseconds step_;  // of the window; zero: it does not move
  const std::chrono::nanoseconds open_timeout_;
  const double open_timeout_jitter_;
  const std::function<bool(const BreakerCounts&)> ready_to_trip_;
  const std::function<double()> random_;
  const Observer observer_;

  static constexpr std::size_t kCacheLine = 64;

  // Written by each admission, so it has a cache line of its own.
  alignas(kCacheLine) std::atomic<std::uint64_t> control_;

  // A touch after this may change something: the bucket or open time-out is over, a probe can be admitted or
  // reclaimed. Always stored before the control word that it belongs to.
  alignas(kCacheLine) std::atomic<Time> step_after_;
  RollingCounts closed_counts_;

  alignas(kCacheLine) std::atomic<std::uint64_t> rejections_ = 0;

  alignas(kCacheLine) mutable std::mutex mutex_;
  BreakerState state_ = BreakerState::kClosed;
  std::uint64_t epoch_ = 0;
  std::uint64_t generation_ = 0;  // one for each time that the counts start from zero
  Time bucket_start_;
  BreakerCounts half_open_counts_;
  std::vector<Probe> probes_;  // under way
  std::uint64_t last_probe_ = 0;
  std::deque<Change> changes_;  // not reported yet
  bool reporting_ = false;
};

}  // namespace dispatchctl::internal
