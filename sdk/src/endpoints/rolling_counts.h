#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dispatchctl/circuit_breaker.h"

namespace dispatchctl::internal {

// What a closed breaker has counted, in a ring of buckets of which the oldest is forgotten when a new one
// starts. A success is counted without a lock; all else needs the owner's lock. What was admitted in one
// bucket ends in that bucket, or nowhere once the bucket is forgotten.
//
// A success is one compare-and-swap on a word that holds the bucket's age beside the number, so that it
// counts in the bucket it was admitted in or not at all: ages do not recur, and whoever forgets a bucket
// takes the age out of the word and the number with it. Streaks need no write by a success either: a failure
// notes how many successes there had been, and both streaks follow from what has been added since.
class RollingCounts {
 public:
  // Names a bucket; counted modulo 2^kAgeBits.
  using Age = std::uint64_t;
  static constexpr int kAgeBits = 38;
  static constexpr Age kAgeMask = (Age{1} << kAgeBits) - 1;

  // `buckets` under 1 is taken as 1. No bucket is there until Restart.
  explicit RollingCounts(std::size_t buckets);

  std::size_t size() const { return size_; }
  Age newest() const { return newest_; }

  enum class Added {
    kYes,
    kForgotten,  // there is no such bucket (any more)
    kFull,       // the word is; AddSuccess makes room
  };
  // Any thread, no lock.
  Added TryAddSuccess(Age age);

  // Forgets everything and starts bucket `age`.
  void Restart(Age age);

  // Forgets everything; no bucket is there.
  void Clear();

  // Starts `steps` new buckets, one after the other.
  void Advance(std::uint64_t steps);

  // Each says whether the bucket was there. A failure ends the streak of successes, an exclusion no streak.
  bool AddRequests(Age age, std::uint64_t number);
  bool AddSuccess(Age age);
  bool AddFailure(Age age);
  bool AddExclusion(Age age);

  // Of all buckets.
  BreakerCounts Total() const;

  // Of one bucket; nullopt when it is not there.
  std::optional<BreakerCounts> BucketAt(Age age) const;

 private:
  struct Bucket {
    std::uint64_t requests = 0;
    std::uint64_t failures = 0;
    std::uint64_t exclusions = 0;
    std::uint64_t successes_moved = 0;         // out of the bucket's word, which holds too few bits
    std::uint64_t successes_at_failure = 0;    // of this bucket, when it last counted a failure
    std::uint64_t failures_since_success = 0;  // true while no success has been added since
  };

  std::size_t IndexOf(Age age) const { return static_cast<std::size_t>(age & index_mask_); }
  bool Has(Age age) const;
  std::uint64_t SuccessesOf(std::size_t index) const;
  std::uint64_t SuccessesEver() const;
  std::uint64_t SuccessStreakOf(std::size_t index) const;
  std::uint64_t FailureStreakOf(std::size_t index) const;
  void Forget(std::size_t index);
  void ForgetOldest(Age age);

  const std::size_t size_;
  const Age index_mask_;  // the ring has room for a power of two
  std::vector<std::atomic<std::uint64_t>> successes_;
  std::vector<Bucket> buckets_;
  Age newest_ = 0;

  // As in a bucket, for all of them; counted since Restart, forgotten buckets included.
  std::uint64_t successes_forgotten_ = 0;
  std::uint64_t successes_at_failure_ = 0;
  std::uint64_t failures_since_success_ = 0;
};

}  // namespace dispatchctl::internal
