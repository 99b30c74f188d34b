#include "endpoints/circuit_breaker.h"

#include <algorithm>

namespace dispatchctl::internal {
namespace {

using std::chrono::nanoseconds;
using Time = CircuitBreaker::Time;

static_assert(std::atomic<Time>::is_always_lock_free);

constexpr nanoseconds kDefaultOpenTimeout = std::chrono::seconds(60);
constexpr nanoseconds::rep kMaxBuckets = 1000;

// The control word: state, epoch, requests of the epoch.
constexpr int kRequestBits = 24;
constexpr std::uint64_t kRequestMask = (std::uint64_t{1} << kRequestBits) - 1;
constexpr int kStateShift = kRequestBits + RollingCounts::kAgeBits;
static_assert(kStateShift == 62);

// Leaves as many additions again until they would touch the epoch: far more than there are threads.
constexpr std::uint64_t kManyRequests = std::uint64_t{1} << (kRequestBits - 1);

constexpr std::uint64_t Control(BreakerState state, std::uint64_t epoch) {
  return (static_cast<std::uint64_t>(state) << kStateShift) | (epoch << kRequestBits);
}

constexpr BreakerState StateOf(std::uint64_t control) {
  return static_cast<BreakerState>(control >> kStateShift);
}

constexpr std::uint64_t EpochOf(std::uint64_t control) {
  return (control >> kRequestBits) & RollingCounts::kAgeMask;
}

constexpr std::uint64_t RequestsOf(std::uint64_t control) {
  return control & kRequestMask;
}

constexpr bool SameEpoch(std::uint64_t a, std::uint64_t b) {
  return (a & ~kRequestMask) == (b & ~kRequestMask);
}

Time Later(Time time, nanoseconds by) {
  return by > Time::max() - std::max(time, Time{}) ? Time::max() : time + by;
}

nanoseconds StepOf(const CircuitBreakerOptions& options) {
  if (options.window <= nanoseconds::zero()) return nanoseconds::zero();
  if (options.bucket <= nanoseconds::zero()) return options.window;
  return std::max(options.bucket, nanoseconds((options.window.count() - 1) / kMaxBuckets + 1));
}

std::size_t BucketNumberOf(const CircuitBreakerOptions& options) {
  const nanoseconds step = StepOf(options);
  return step == nanoseconds::zero()
             ? 1
             : static_cast<std::size_t>((options.window.count() - 1) / step.count() + 1);
}

bool HalfHaveFailed(const BreakerCounts& counts) {
  const std::uint64_t counted = counts.requests - std::min(counts.exclusions, counts.requests);
  return counted >= 10 && counts.failures >= counted - counts.failures;
}

}  // namespace

CircuitBreaker::CircuitBreaker(const CircuitBreakerOptions& options, Time now, std::function<double()> random,
                               Observer observer)
    : enabled_(options.enabled),
      half_open_requests_(std::max<std::uint32_t>(options.half_open_requests, 1)),
      bucket_number_(BucketNumberOf(options)),
      step_(StepOf(options)),
      open_timeout_(options.open_timeout > nanoseconds::zero() ? options.open_timeout : kDefaultOpenTimeout),
      open_timeout_jitter_(options.open_timeout_jitter > 0 ? std::min(options.open_timeout_jitter, 1.0)
                                                           : 0.0),
      ready_to_trip_(options.ready_to_trip ? options.ready_to_trip : HalfHaveFailed),
      random_(std::move(random)),
      observer_(std::move(observer)),
      control_(Control(BreakerState::kClosed, 0)),
      step_after_(Time::max()),
      closed_counts_(bucket_number_) {
  StartClosedEpoch(now);
}

void CircuitBreaker::Permit::Done(Verdict verdict, Time now) {
  if (breaker_ == nullptr) return;
  CircuitBreaker& breaker = *std::exchange(breaker_, nullptr);
  if (verdict == Verdict::kSuccess && !probe_ && now <= breaker.step_after_.load() &&
      breaker.closed_counts_.TryAddSuccess(id_) != RollingCounts::Added::kFull)
    return;
  breaker.Finish(id_, probe_, verdict, now);
}

void CircuitBreaker::Permit::Drop() {
  // No time is known here, and the earliest one moves nothing on.
  Done(Verdict::kExcluded, Time::min());
}

CircuitBreaker::Permit CircuitBreaker::Admit(Time now, Time lease_until) {
  Permit permit;
  if (!enabled_) {
    permit.admitted_ = true;
    return permit;
  }
  const Look look = LookAt();
  if (now <= look.step_after) {
    switch (StateOf(look.control)) {
      case BreakerState::kClosed: {
        const std::uint64_t control = control_.fetch_add(1);
        if (StateOf(control) != BreakerState::kClosed) break;
        if (RequestsOf(control) >= kManyRequests) MakeRoomForRequests();
        permit.breaker_ = this;
        permit.id_ = EpochOf(control);
        permit.admitted_ = true;
        return permit;
      }
      case BreakerState::kHalfOpen:
        return Refuse(Refusal::kTooManyRequests);
      case BreakerState::kOpen:
        return Refuse(Refusal::kOpen);
    }
  }
  std::unique_lock lock(mutex_);
  permit = AdmitLocked(now, lease_until);
  Report(lock);
  return permit;
}

bool CircuitBreaker::WouldAdmit(Time now) const {
  const Look look = LookAt();
  return StateOf(look.control) == BreakerState::kClosed || now > look.step_after;
}

BreakerState CircuitBreaker::state(Time now) {
  std::unique_lock lock(mutex_);
  MoveOn(now);
  const BreakerState state = state_;
  Report(lock);
  return state;
}

BreakerState CircuitBreaker::Peek(Time now) const {
  const Look look = LookAt();
  const BreakerState state = StateOf(look.control);
  return state == BreakerState::kOpen && now > look.step_after ? BreakerState::kHalfOpen : state;
}

BreakerCounts CircuitBreaker::counts() const {
  const std::lock_guard lock(mutex_);
  return CountsLocked();
}

// Both, of one epoch: at worst with the step of the next one, which is about to start.
CircuitBreaker::Look CircuitBreaker::LookAt() const {
  std::uint64_t control = control_.load();
  while (true) {
    const Time step_after = step_after_.load();
    const std::uint64_t again = control_.load();
    if (SameEpoch(control, again)) return {again, step_after};
    control = again;
  }
}

CircuitBreaker::Permit CircuitBreaker::Refuse(Refusal refusal) {
  rejections_.fetch_add(1, std::memory_order_relaxed);
  Permit permit;
  permit.refusal_ = refusal;
  return permit;
}

CircuitBreaker::Permit CircuitBreaker::AdmitLocked(Time now, Time lease_until) {
  MoveOn(now);
  if (state_ == BreakerState::kOpen) return Refuse(Refusal::kOpen);
  if (state_ == BreakerState::kHalfOpen && ProbesAreTaken()) return Refuse(Refusal::kTooManyRequests);
  Permit permit;
  permit.breaker_ = this;
  permit.admitted_ = true;
  if (state_ == BreakerState::kClosed) {
    closed_counts_.AddRequests(epoch_, 1);
    permit.id_ = epoch_;
    return permit;
  }
  ++half_open_counts_.requests;
  probes_.push_back({++last_probe_, std::min(Later(now, open_timeout_), lease_until)});
  UpdateHalfOpenStep();
  permit.probe_ = true;
  permit.id_ = last_probe_;
  return permit;
}

void CircuitBreaker::MakeRoomForRequests() {
  const std::lock_guard lock(mutex_);
  const std::uint64_t control = control_.load();
  if (StateOf(control) != BreakerState::kClosed || RequestsOf(control) < kManyRequests) return;
  control_.fetch_sub(RequestsOf(control));
  closed_counts_.AddRequests(epoch_, RequestsOf(control));
}

void CircuitBreaker::Finish(std::uint64_t id, bool probe, Verdict verdict, Time now) {
  std::unique_lock lock(mutex_);
  MoveOn(now);
  bool judge = false;
  if (probe)
    FinishProbe(id, verdict, now);
  else if (verdict == Verdict::kSuccess)
    closed_counts_.AddSuccess(id);
  else if (verdict == Verdict::kExcluded)
    closed_counts_.AddExclusion(id);
  else
    judge = closed_counts_.AddFailure(id);

  if (judge) {
    const BreakerCounts counts = CountsLocked();
    const std::uint64_t generation = generation_;
    lock.unlock();
    const bool trip = ready_to_trip_(counts);
    lock.lock();
    if (trip && state_ == BreakerState::kClosed && generation == generation_) Enter(BreakerState::kOpen, now);
  }
  Report(lock);
}

void CircuitBreaker::FinishProbe(std::uint64_t id, Verdict verdict, Time now) {
  const auto probe = std::find_if(probes_.begin(), probes_.end(), [&](const Probe& p) { return p.id == id; });
  if (probe == probes_.end()) return;  // reclaimed, or of an earlier half-open state
  probes_.erase(probe);
  switch (verdict) {
    case Verdict::kSuccess:
      ++half_open_counts_.successes;
      ++half_open_counts_.consecutive_successes;
      if (half_open_counts_.consecutive_successes >= half_open_requests_)
        return Enter(BreakerState::kClosed, now);
      break;
    case Verdict::kFailure:
      return Enter(BreakerState::kOpen, now);
    case Verdict::kExcluded:
      ++half_open_counts_.exclusions;
      break;
  }
  UpdateHalfOpenStep();
}

void CircuitBreaker::MoveOn(Time now) {
  if (now <= step_after_.load()) return;
  switch (state_) {
    case BreakerState::kClosed:
      return MoveWindowOn(now);
    case BreakerState::kHalfOpen:
      return ReclaimProbes(now);
    case BreakerState::kOpen:
      return Enter(BreakerState::kHalfOpen, now);
  }
}

void CircuitBreaker::MoveWindowOn(Time now) {
  if (bucket_number_ == 1) return StartClosedEpoch(now);
  // After that many steps nothing is left, however many more there are.
  const auto steps = static_cast<std::uint64_t>((now - bucket_start_) / step_);
  bucket_start_ += static_cast<nanoseconds::rep>(steps) * step_;
  closed_counts_.Advance(std::min<std::uint64_t>(steps, bucket_number_));
  const std::uint64_t ended = epoch_;
  epoch_ = closed_counts_.newest();
  step_after_.store(Later(bucket_start_, step_ - nanoseconds(1)));
  // The new bucket is there before anybody is admitted in it. Requests that are admitted until then are the
  // old one's, and forgotten with it if it is.
  closed_counts_.AddRequests(ended, RequestsOf(control_.exchange(Control(BreakerState::kClosed, epoch_))));
}

void CircuitBreaker::ReclaimProbes(Time now) {
  half_open_counts_.exclusions +=
      std::erase_if(probes_, [&](const Probe& probe) { return probe.reclaimed_after < now; });
  UpdateHalfOpenStep();
}

void CircuitBreaker::UpdateHalfOpenStep() {
  Time step_after = Time::max();
  if (ProbesAreTaken()) {
    for (const Probe& probe : probes_) step_after = std::min(step_after, probe.reclaimed_after);
  } else {
    step_after = Time::min();
  }
  step_after_.store(step_after);
}

void CircuitBreaker::Enter(BreakerState next, Time now) {
  if (observer_) changes_.push_back({state_, next});
  state_ = next;
  probes_.clear();
  half_open_counts_ = {};
  if (next == BreakerState::kClosed) return StartClosedEpoch(now);
  ++generation_;
  closed_counts_.Clear();
  epoch_ = (epoch_ + 1) & RollingCounts::kAgeMask;
  step_after_.store(next == BreakerState::kOpen ? OpenUntil(now) : Time::min());
  control_.store(Control(next, epoch_));
}

void CircuitBreaker::StartClosedEpoch(Time now) {
  ++generation_;
  epoch_ = (epoch_ + 1) & RollingCounts::kAgeMask;
  closed_counts_.Restart(epoch_);
  bucket_start_ = now;
  // A fixed window and an open time-out still hold at the instant they end; the next bucket starts at that
  // instant.
  if (step_ == nanoseconds::zero())
    step_after_.store(Time::max());
  else
    step_after_.store(Later(now, bucket_number_ == 1 ? step_ : step_ - nanoseconds(1)));
  control_.store(Control(BreakerState::kClosed, epoch_));
}

Time CircuitBreaker::OpenUntil(Time now) {
  if (open_timeout_jitter_ == 0) return Later(now, open_timeout_);
  const double factor = 1 + open_timeout_jitter_ * (2 * random_() - 1);
  const double timeout = static_cast<double>(open_timeout_.count()) * factor;
  // The largest double under 2^63; a cast of more would be undefined.
  constexpr double kLongest = 9223372036854774784.0;
  return Later(now, nanoseconds(static_cast<nanoseconds::rep>(std::min(timeout, kLongest))));
}

bool CircuitBreaker::ProbesAreTaken() const {
  return half_open_counts_.requests - half_open_counts_.exclusions >= half_open_requests_;
}

BreakerCounts CircuitBreaker::CountsLocked() const {
  switch (state_) {
    case BreakerState::kClosed: {
      // Requests last, so that no success is seen without its request.
      BreakerCounts counts = closed_counts_.Total();
      counts.requests += RequestsOf(control_.load());
      return counts;
    }
    case BreakerState::kHalfOpen:
      return half_open_counts_;
    case BreakerState::kOpen:
      break;
  }
  return {};
}

void CircuitBreaker::Report(std::unique_lock<std::mutex>& lock) {
  if (reporting_) return;
  reporting_ = true;
  while (!changes_.empty()) {
    const Change change = changes_.front();
    changes_.pop_front();
    lock.unlock();
    observer_(change.from, change.to);
    lock.lock();
  }
  reporting_ = false;
}

}  // namespace dispatchctl::internal
