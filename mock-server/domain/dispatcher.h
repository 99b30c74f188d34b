#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "mock-server/domain/acceptance_rule.h"
#include "mock-server/domain/assignment_ledger.h"
#include "mock-server/domain/courier_directory.h"

namespace dispatchctl::mock {

// What the service does, whatever carries the calls. Thread-safe.
class Dispatcher {
 public:
  // `journal` may be null; it must outlive the dispatcher. `on_decision` is called, from any thread, for each
  // update that was decided about; null: nobody is told.
  Dispatcher(std::shared_ptr<const CourierDirectory> directory, AcceptanceRule rule, std::uint64_t seed,
             AssignmentJournal* journal, std::function<void(const Decision&)> on_decision = nullptr);

  absl::StatusOr<Courier> Lookup(std::string_view courier_id) const;

  // Decides about one update that arrived at the backend `listen`. The decision may be told only after
  // Commit().
  absl::StatusOr<Decision> Review(const AssignmentUpdate& update, std::string_view listen);
  // OK: all that was reviewed before is in the journal.
  absl::Status Commit() { return ledger_.Commit(); }

  // Forgets the decisions taken.
  void Forget() { ledger_.Forget(); }

 private:
  absl::StatusOr<Decision> Decide(const AssignmentUpdate& update, std::string_view listen);

  std::shared_ptr<const CourierDirectory> directory_;
  AcceptanceRule rule_;
  std::uint64_t seed_;
  AssignmentLedger ledger_;
  std::function<void(const Decision&)> on_decision_;
};

}  // namespace dispatchctl::mock
