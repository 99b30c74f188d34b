#include "endpoints/rolling_counts.h"

#include <algorithm>
#include <bit>

namespace dispatchctl::internal {
namespace {

// A word of successes: is the bucket there (1 bit), its age, and the number.
constexpr int kNumberBits = 24;
constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << kNumberBits) - 1;
constexpr std::uint64_t kThere = std::uint64_t{1} << 63;
static_assert(kNumberBits + RollingCounts::kAgeBits < 63);

constexpr std::uint64_t EmptyWord(RollingCounts::Age age) {
  return kThere | (age << kNumberBits);
}

constexpr bool IsOf(std::uint64_t word, RollingCounts::Age age) {
  return (word & ~kNumberMask) == EmptyWord(age);
}

}  // namespace

RollingCounts::RollingCounts(std::size_t buckets)
    : size_(std::max<std::size_t>(buckets, 1)),
      index_mask_(std::bit_ceil(size_) - 1),
      successes_(index_mask_ + 1),
      buckets_(index_mask_ + 1) {}

RollingCounts::Added RollingCounts::TryAddSuccess(Age age) {
  std::atomic<std::uint64_t>& successes = successes_[IndexOf(age)];
  std::uint64_t word = successes.load();
  while (IsOf(word, age)) {
    if ((word & kNumberMask) == kNumberMask) return Added::kFull;
    if (successes.compare_exchange_weak(word, word + 1)) return Added::kYes;
  }
  return Added::kForgotten;
}

void RollingCounts::Restart(Age age) {
  Clear();
  newest_ = age & kAgeMask;
  successes_[IndexOf(newest_)].store(EmptyWord(newest_));
}

void RollingCounts::Clear() {
  for (std::size_t index = 0; index < buckets_.size(); ++index) Forget(index);
  successes_forgotten_ = 0;
  successes_at_failure_ = 0;
  failures_since_success_ = 0;
}

void RollingCounts::Advance(std::uint64_t steps) {
  if (steps >= size_) {
    Restart(newest_ + steps);
    return;
  }
  for (; steps > 0; --steps) {
    const Age next = (newest_ + 1) & kAgeMask;
    ForgetOldest((next - size_) & kAgeMask);
    newest_ = next;
    successes_[IndexOf(next)].store(EmptyWord(next));
  }
}

bool RollingCounts::AddRequests(Age age, std::uint64_t number) {
  if (!Has(age)) return false;
  buckets_[IndexOf(age)].requests += number;
  return true;
}

bool RollingCounts::AddSuccess(Age age) {
  if (!Has(age)) return false;
  const std::size_t index = IndexOf(age);
  // Others may add meanwhile; only what was seen is moved.
  const std::uint64_t number = successes_[index].load() & kNumberMask;
  successes_[index].fetch_sub(number);
  buckets_[index].successes_moved += number + 1;
  return true;
}

bool RollingCounts::AddFailure(Age age) {
  if (!Has(age)) return false;
  const std::size_t index = IndexOf(age);
  Bucket& bucket = buckets_[index];
  // Each number of successes is read once: one that comes in between counts as after this failure.
  const std::uint64_t in_bucket = SuccessesOf(index);
  ++bucket.failures;
  bucket.failures_since_success =
      in_bucket == bucket.successes_at_failure ? bucket.failures_since_success + 1 : 1;
  bucket.successes_at_failure = in_bucket;

  const std::uint64_t ever = SuccessesEver();
  failures_since_success_ = ever == successes_at_failure_ ? failures_since_success_ + 1 : 1;
  successes_at_failure_ = ever;
  return true;
}

bool RollingCounts::AddExclusion(Age age) {
  if (!Has(age)) return false;
  ++buckets_[IndexOf(age)].exclusions;
  return true;
}

BreakerCounts RollingCounts::Total() const {
  BreakerCounts total;
  for (std::size_t index = 0; index < buckets_.size(); ++index) {
    const Bucket& bucket = buckets_[index];
    total.requests += bucket.requests;
    total.successes += SuccessesOf(index);
    total.failures += bucket.failures;
    total.exclusions += bucket.exclusions;
  }
  total.consecutive_successes = successes_forgotten_ + total.successes - successes_at_failure_;
  total.consecutive_failures = total.consecutive_successes == 0 ? failures_since_success_ : 0;
  return total;
}

std::optional<BreakerCounts> RollingCounts::BucketAt(Age age) const {
  if (!Has(age)) return std::nullopt;
  const std::size_t index = IndexOf(age);
  const Bucket& bucket = buckets_[index];
  BreakerCounts counts;
  counts.requests = bucket.requests;
  counts.successes = SuccessesOf(index);
  counts.failures = bucket.failures;
  counts.exclusions = bucket.exclusions;
  counts.consecutive_successes = SuccessStreakOf(index);
  counts.consecutive_failures = FailureStreakOf(index);
  return counts;
}

bool RollingCounts::Has(Age age) const {
  return IsOf(successes_[IndexOf(age)].load(), age);
}

std::uint64_t RollingCounts::SuccessesOf(std::size_t index) const {
  return buckets_[index].successes_moved + (successes_[index].load() & kNumberMask);
}

std::uint64_t RollingCounts::SuccessesEver() const {
  std::uint64_t ever = successes_forgotten_;
  for (std::size_t index = 0; index < buckets_.size(); ++index) ever += SuccessesOf(index);
  return ever;
}

std::uint64_t RollingCounts::SuccessStreakOf(std::size_t index) const {
  return SuccessesOf(index) - buckets_[index].successes_at_failure;
}

std::uint64_t RollingCounts::FailureStreakOf(std::size_t index) const {
  return SuccessStreakOf(index) == 0 ? buckets_[index].failures_since_success : 0;
}

void RollingCounts::Forget(std::size_t index) {
  successes_[index].store(0);
  buckets_[index] = Bucket{};
}

// gobreaker's rule for streaks: one that has filled the whole window loses the part that the forgotten bucket
// ended with; a shorter one keeps what it has.
void RollingCounts::ForgetOldest(Age age) {
  if (!Has(age)) return;
  const std::size_t index = IndexOf(age);
  // Nothing is added to the bucket from here on.
  const std::uint64_t successes =
      buckets_[index].successes_moved + (successes_[index].exchange(0) & kNumberMask);
  const std::uint64_t success_streak = successes - buckets_[index].successes_at_failure;
  const std::uint64_t failure_streak = success_streak == 0 ? buckets_[index].failures_since_success : 0;
  Forget(index);
  successes_forgotten_ += successes;

  const BreakerCounts others = Total();
  if (success_streak > 0 && others.consecutive_successes == success_streak + others.successes) {
    successes_at_failure_ += success_streak;
    failures_since_success_ = 0;  // the successes that are taken off here had ended that streak
  }
  if (failure_streak > 0 && others.consecutive_failures == failure_streak + others.failures)
    failures_since_success_ -= failure_streak;
}

}  // namespace dispatchctl::internal
