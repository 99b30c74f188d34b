#include "mock-server/domain/assignment_ledger.h"

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace dispatchctl::mock {

std::uint64_t AssignmentLedger::HashOf(std::string_view assignment_id) {
  return absl::HashOf(absl::string_view(assignment_id.data(), assignment_id.size()));
}

std::optional<bool> AssignmentLedger::Find(const Shard& shard, std::uint64_t hash) {
  for (const Generation* generation : {&shard.current, &shard.previous}) {
    const auto found = generation->find(hash);
    if (found != generation->end()) return (*found & 1U) != 0;
  }
  return std::nullopt;
}

absl::Status AssignmentLedger::Append(const AssignmentUpdate& update, std::string_view listen,
                                      Decision decision) {
  if (journal_ == nullptr) return absl::OkStatus();
  return journal_->Append({.listen = listen, .update = update, .decision = decision});
}

// Both append under the shard's lock, so that the first entry of an id in the journal is never a replay.

absl::StatusOr<std::optional<Decision>> AssignmentLedger::Replay(const AssignmentUpdate& update,
                                                                 std::string_view listen) {
  const std::uint64_t hash = HashOf(update.assignment_id);
  Shard& shard = ShardOf(hash);
  const std::scoped_lock lock(shard.mutex);
  const std::optional<bool> accepted = Find(shard, hash);
  if (!accepted.has_value()) return std::nullopt;
  const Decision decision{.accepted = *accepted, .replay = true};
  if (absl::Status status = Append(update, listen, decision); !status.ok()) return status;
  return decision;
}

absl::StatusOr<Decision> AssignmentLedger::Record(const AssignmentUpdate& update, std::string_view listen,
                                                  bool accepted) {
  const std::uint64_t hash = HashOf(update.assignment_id);
  Shard& shard = ShardOf(hash);
  const std::scoped_lock lock(shard.mutex);
  const std::optional<bool> earlier = Find(shard, hash);
  const Decision decision{.accepted = earlier.value_or(accepted), .replay = earlier.has_value()};
  if (absl::Status status = Append(update, listen, decision); !status.ok()) return status;
  if (!earlier.has_value()) {
    if (shard.current.size() >= kGenerationSize) shard.previous = std::exchange(shard.current, {});
    shard.current.insert((hash & ~std::uint64_t{1}) | std::uint64_t{accepted});
  }
  return decision;
}

void AssignmentLedger::Forget() {
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    shard.current = {};
    shard.previous = {};
  }
}

}  // namespace dispatchctl::mock
