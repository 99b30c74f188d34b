#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"

namespace dispatchctl::mock {

struct AssignmentUpdate {
  std::string_view assignment_id;
  std::string_view courier_id;
  std::string_view destination_zone;
};

struct Decision {
  bool accepted = false;
  // The id was seen before; this is the decision taken then.
  bool replay = false;
};

struct JournalEntry {
  // The address of the backend the update arrived at.
  std::string_view listen;
  AssignmentUpdate update;
  Decision decision;
};

class AssignmentJournal {
 public:
  AssignmentJournal() = default;
  AssignmentJournal(const AssignmentJournal&) = delete;
  AssignmentJournal& operator=(const AssignmentJournal&) = delete;
  AssignmentJournal(AssignmentJournal&&) = delete;
  AssignmentJournal& operator=(AssignmentJournal&&) = delete;
  virtual ~AssignmentJournal() = default;

  // May hold the entry back until Commit().
  virtual absl::Status Append(const JournalEntry& entry) = 0;
  // OK: every entry appended before the call is written.
  virtual absl::Status Commit() = 0;
};

// The decisions already taken, by assignment_id. Thread-safe. Remembers 63 bits of a hash of each id, so that
// ten million fit in about 150 MB: among that many, the chance that any two ids are taken for one is below 1
// in 100,000. Bounded: about the latest 14.6 million ids are always remembered, older ones are dropped by the
// generation, and the tables never take more than about 300 MB. A dropped id is decided anew.
class AssignmentLedger {
 public:
  // `journal` may be null; it must outlive the ledger.
  explicit AssignmentLedger(AssignmentJournal* journal) : journal_(journal) {}

  // The decision taken for the update's id, with a journal entry for the replay; nothing for a new id.
  absl::StatusOr<std::optional<Decision>> Replay(const AssignmentUpdate& update, std::string_view listen);

  // Takes the decision unless another stream was faster: then its decision counts.
  absl::StatusOr<Decision> Record(const AssignmentUpdate& update, std::string_view listen, bool accepted);

  // Every decision is taken anew from now on. The journal keeps what it has.
  void Forget();

  // No result may be sent before the Commit() after its update's Replay() or Record() has succeeded.
  absl::Status Commit() { return journal_ == nullptr ? absl::OkStatus() : journal_->Commit(); }

 private:
  // An id's hash, its lowest bit replaced by the decision.
  struct Hash {
    std::size_t operator()(std::uint64_t entry) const { return entry >> 1U; }
  };
  struct SameId {
    bool operator()(std::uint64_t a, std::uint64_t b) const { return (a ^ b) <= 1; }
  };
  using Generation = absl::flat_hash_set<std::uint64_t, Hash, SameId>;

  // Many small tables instead of one: growing one holds up nobody for long, and streams rarely meet at a
  // lock.
  struct alignas(64) Shard {
    std::mutex mutex;
    Generation current;
    Generation previous;
  };
  static constexpr std::size_t kShards = 64;
  // What a table of 2^18 slots holds before it grows.
  static constexpr std::size_t kGenerationSize = (std::size_t{1} << 18U) / 8 * 7;

  static std::uint64_t HashOf(std::string_view assignment_id);
  Shard& ShardOf(std::uint64_t hash) { return shards_[hash >> 58U]; }

  static std::optional<bool> Find(const Shard& shard, std::uint64_t hash);
  absl::Status Append(const AssignmentUpdate& update, std::string_view listen, Decision decision);

  AssignmentJournal* journal_;
  std::array<Shard, kShards> shards_;
};

}  // namespace dispatchctl::mock
