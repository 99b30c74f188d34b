// The circuit breaker against a plain model of gobreaker's semantics and of the project's deviations from it,
// one operation after the other on one thread.

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "endpoints/circuit_breaker.h"
#include "fuzz_input.h"

using dispatchctl::BreakerCounts;
using dispatchctl::BreakerState;
using dispatchctl::CircuitBreakerOptions;
using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;
using dispatchctl::internal::CircuitBreaker;
using dispatchctl::internal::Refusal;
using dispatchctl::internal::Verdict;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Time = CircuitBreaker::Time;

namespace {

// Of one more verdict, as gobreaker counts it.
void Count(BreakerCounts& counts, Verdict verdict) {
  switch (verdict) {
    case Verdict::kSuccess:
      ++counts.successes;
      ++counts.consecutive_successes;
      counts.consecutive_failures = 0;
      break;
    case Verdict::kFailure:
      ++counts.failures;
      ++counts.consecutive_failures;
      counts.consecutive_successes = 0;
      break;
    case Verdict::kExcluded:
      ++counts.exclusions;
  }
}

bool Trips(const BreakerCounts& counts) {
  return counts.consecutive_failures >= 3 || (counts.requests >= 5 && counts.failures * 2 >= counts.requests);
}

class Model {
 public:
  // What an admitted request is remembered by.
  struct Ticket {
    std::uint64_t generation = 0;
    std::int64_t age = 0;     // of its bucket
    std::uint64_t probe = 0;  // 0: none
  };

  Model(const CircuitBreakerOptions& options, Time now)
      : probes_allowed_(std::max<std::uint32_t>(options.half_open_requests, 1)),
        open_timeout_(options.open_timeout > nanoseconds::zero() ? options.open_timeout
                                                                 : nanoseconds(std::chrono::seconds(60))) {
    if (options.window > nanoseconds::zero()) {
      bucket_ = options.bucket > nanoseconds::zero() ? options.bucket : options.window;
      buckets_kept_ = (options.window.count() + bucket_.count() - 1) / bucket_.count();
    }
    Enter(BreakerState::kClosed, now);
  }

  BreakerState state() const { return state_; }
  std::uint64_t rejections() const { return rejections_; }
  BreakerCounts counts() const { return total_; }
  std::vector<std::pair<BreakerState, BreakerState>>& changes() { return changes_; }

  void Touch(Time now) {
    switch (state_) {
      case BreakerState::kOpen:
        if (now > open_until_) ChangeTo(BreakerState::kHalfOpen, now);
        return;
      case BreakerState::kHalfOpen:
        for (auto probe = probes_.begin(); probe != probes_.end();) {
          if (now > probe->second) {
            ++total_.exclusions;
            probe = probes_.erase(probe);
          } else {
            ++probe;
          }
        }
        return;
      case BreakerState::kClosed:
        if (bucket_ == nanoseconds::zero()) return;
        if (buckets_kept_ == 1) {
          if (now > start_ + bucket_) Enter(BreakerState::kClosed, now);
          return;
        }
        Roll(now);
    }
  }

  std::optional<Ticket> Admit(Time now, Time lease_until, Refusal& refusal) {
    Touch(now);
    if (state_ == BreakerState::kOpen) return Refuse(Refusal::kOpen, refusal);
    if (state_ == BreakerState::kHalfOpen && total_.requests - total_.exclusions >= probes_allowed_)
      return Refuse(Refusal::kTooManyRequests, refusal);
    ++total_.requests;
    ++buckets_[age_].requests;
    Ticket ticket{generation_, age_, 0};
    if (state_ == BreakerState::kHalfOpen) {
      ticket.probe = ++last_probe_;
      probes_[ticket.probe] = std::min(now + open_timeout_, lease_until);
    }
    return ticket;
  }

  // `now` is nothing where a permit was dropped.
  void Done(const Ticket& ticket, Verdict verdict, std::optional<Time> now) {
    if (now) Touch(*now);
    if (ticket.generation != generation_) return;
    if (ticket.probe != 0) return ProbeDone(ticket.probe, verdict, now);
    const auto bucket = buckets_.find(ticket.age);
    if (bucket == buckets_.end()) return;
    Count(bucket->second, verdict);
    Count(total_, verdict);
    if (verdict == Verdict::kFailure && Trips(total_)) ChangeTo(BreakerState::kOpen, *now);
  }

 private:
  std::nullopt_t Refuse(Refusal why, Refusal& refusal) {
    ++rejections_;
    refusal = why;
    return std::nullopt;
  }

  void ProbeDone(std::uint64_t id, Verdict verdict, std::optional<Time> now) {
    if (probes_.erase(id) == 0) return;
    Count(total_, verdict);
    if (verdict == Verdict::kFailure) return ChangeTo(BreakerState::kOpen, *now);
    if (total_.consecutive_successes >= probes_allowed_) ChangeTo(BreakerState::kClosed, *now);
  }

  void ChangeTo(BreakerState next, Time now) {
    changes_.emplace_back(state_, next);
    Enter(next, now);
  }

  void Enter(BreakerState next, Time now) {
    state_ = next;
    ++generation_;
    total_ = {};
    buckets_.clear();
    probes_.clear();
    age_ = 0;
    buckets_[age_];
    start_ = now;
    open_until_ = now + open_timeout_;
  }

  void Roll(Time now) {
    const std::int64_t age = std::max<std::int64_t>((now - start_) / bucket_, 0);
    if (age <= age_) return;
    if (age - age_ >= buckets_kept_) {
      buckets_.clear();
      total_ = {};
      buckets_[age_ = age];
      return;
    }
    while (age_ < age) {
      ++age_;
      buckets_[age_];
      const auto oldest = buckets_.find(age_ - buckets_kept_);
      if (oldest == buckets_.end()) continue;
      const BreakerCounts gone = oldest->second;
      buckets_.erase(oldest);
      Forget(gone);
    }
  }

  // A streak that fills the whole window loses what the forgotten bucket ended with.
  void Forget(const BreakerCounts& gone) {
    total_.requests -= gone.requests;
    total_.successes -= gone.successes;
    total_.failures -= gone.failures;
    total_.exclusions -= gone.exclusions;
    if (total_.consecutive_successes == gone.consecutive_successes + total_.successes)
      total_.consecutive_successes -= gone.consecutive_successes;
    if (total_.consecutive_failures == gone.consecutive_failures + total_.failures)
      total_.consecutive_failures -= gone.consecutive_failures;
  }

  const std::uint64_t probes_allowed_;
  const nanoseconds open_timeout_;
  nanoseconds bucket_{0};
  std::int64_t buckets_kept_ = 1;

  BreakerState state_ = BreakerState::kClosed;
  std::uint64_t generation_ = 0;
  BreakerCounts total_;
  std::map<std::int64_t, BreakerCounts> buckets_;  // by age
  std::int64_t age_ = 0;
  Time start_;
  Time open_until_;
  std::map<std::uint64_t, Time> probes_;  // when each loses its place
  std::uint64_t last_probe_ = 0;
  std::uint64_t rejections_ = 0;
  std::vector<std::pair<BreakerState, BreakerState>> changes_;
};

struct Call {
  CircuitBreaker::Permit permit;
  Model::Ticket ticket;
};

CircuitBreakerOptions MakeOptions(FuzzInput& input) {
  CircuitBreakerOptions options;
  options.half_open_requests = static_cast<std::uint32_t>(input.Below(4));
  options.window = milliseconds(10 * input.Below(10));
  options.bucket = milliseconds(5 * input.Below(8));
  options.open_timeout = milliseconds(input.Below(50));
  options.open_timeout_jitter = 0;
  options.ready_to_trip = Trips;
  return options;
}

class Driver {
 public:
  explicit Driver(FuzzInput& input)
      : input_(input),
        options_(MakeOptions(input)),
        model_(options_, now_),
        breaker_(options_, now_, nullptr,
                 [this](BreakerState from, BreakerState to) { changes_.emplace_back(from, to); }) {}

  void Run() {
    while (!input_.empty()) {
      Step();
      Compare();
    }
  }

 private:
  void Step() {
    switch (input_.Below(8)) {
      case 0:
        now_ += milliseconds(input_.Below(64));
        return;
      case 1:
        now_ += nanoseconds(input_.Below(3));
        return;
      case 2:
        model_.Touch(now_);
        Require(breaker_.state(now_) == model_.state(), "states are the same");
        return;
      case 3:
        if (!calls_.empty()) Drop();
        return;
      case 4:
      case 5:
        if (!calls_.empty()) Finish();
        return;
      default:
        Admit();
    }
  }

  void Admit() {
    const std::uint64_t lease = input_.Below(64);
    const Time lease_until = lease == 0 ? Time::max() : now_ + milliseconds(lease);
    const bool would = breaker_.WouldAdmit(now_);
    Refusal refusal = Refusal::kNone;
    const auto ticket = model_.Admit(now_, lease_until, refusal);
    CircuitBreaker::Permit permit = breaker_.Admit(now_, lease_until);
    Require(static_cast<bool>(permit) == ticket.has_value(), "both admit, or neither does");
    Require(permit.refusal() == refusal, "the reasons for a refusal are the same");
    Require(would || !permit, "who skips a breaker misses nothing");
    if (ticket) calls_.push_back({std::move(permit), *ticket});
  }

  Call Take() {
    const auto at = calls_.begin() + static_cast<std::ptrdiff_t>(input_.Below(calls_.size()));
    Call call = std::move(*at);
    calls_.erase(at);
    return call;
  }

  void Finish() {
    Call call = Take();
    const auto verdict = static_cast<Verdict>(input_.Below(3));
    model_.Done(call.ticket, verdict, now_);
    call.permit.Done(verdict, now_);
  }

  void Drop() {
    const Call call = Take();
    model_.Done(call.ticket, Verdict::kExcluded, std::nullopt);
  }

  void Compare() {
    Require(breaker_.counts() == model_.counts(), "counts are the same");
    Require(breaker_.rejections() == model_.rejections(), "rejections are counted");
    Require(changes_ == model_.changes(), "changes are reported, in their order");
    changes_.clear();
    model_.changes().clear();
  }

  FuzzInput& input_;
  const CircuitBreakerOptions options_;
  Time now_{std::chrono::hours(1)};
  Model model_;
  std::vector<std::pair<BreakerState, BreakerState>> changes_;
  CircuitBreaker breaker_;
  std::vector<Call> calls_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  Driver(input).Run();
  return 0;
}
