#include "mock-server/domain/dispatcher.h"

#include <optional>
#include <utility>

namespace dispatchctl::mock {

Dispatcher::Dispatcher(std::shared_ptr<const CourierDirectory> directory, AcceptanceRule rule,
                       std::uint64_t seed, AssignmentJournal* journal,
                       std::function<void(const Decision&)> on_decision)
    : directory_(std::move(directory)),
      rule_(rule),
      seed_(seed),
      ledger_(journal),
      on_decision_(std::move(on_decision)) {}

absl::StatusOr<Courier> Dispatcher::Lookup(std::string_view courier_id) const {
  if (courier_id.empty()) return absl::InvalidArgumentError("courier_id is empty");
  return directory_->Find(courier_id);
}

absl::StatusOr<Decision> Dispatcher::Review(const AssignmentUpdate& update, std::string_view listen) {
  absl::StatusOr<Decision> decision = Decide(update, listen);
  if (on_decision_ && decision.ok()) on_decision_(*decision);
  return decision;
}

absl::StatusOr<Decision> Dispatcher::Decide(const AssignmentUpdate& update, std::string_view listen) {
  if (update.assignment_id.empty()) return absl::InvalidArgumentError("assignment_id is empty");
  if (update.courier_id.empty()) return absl::InvalidArgumentError("courier_id is empty");

  absl::StatusOr<std::optional<Decision>> replay = ledger_.Replay(update, listen);
  if (!replay.ok()) return replay.status();
  if (replay->has_value()) return **replay;

  const absl::StatusOr<Courier> courier = directory_->Find(update.courier_id);
  if (!courier.ok() && !absl::IsNotFound(courier.status())) return courier.status();
  const bool accepted = rule_.Accepts(seed_, update.assignment_id, courier.ok() ? &*courier : nullptr);
  return ledger_.Record(update, listen, accepted);
}

}  // namespace dispatchctl::mock
