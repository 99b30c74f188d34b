#pragma once

#include <string>
#include <utility>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// One assignment to be decided. `assignment_id` is also the server's key against double decisions.
struct AssignmentUpdate {
  std::string assignment_id;     ///< valid UTF-8, 1 to kMaxIdBytes bytes
  std::string courier_id;        ///< valid UTF-8, 1 to kMaxIdBytes bytes
  std::string destination_zone;  ///< valid UTF-8, may be empty

  /// True when all fields are equal.
  friend bool operator==(const AssignmentUpdate& a, const AssignmentUpdate& b) {
    return a.assignment_id == b.assignment_id && a.courier_id == b.courier_id &&
           a.destination_zone == b.destination_zone;
  }
  /// True when a field differs.
  friend bool operator!=(const AssignmentUpdate& a, const AssignmentUpdate& b) { return !(a == b); }
};

/// The server's decision on one assignment.
struct AssignmentResult {
  std::string assignment_id;  ///< of the update that it answers
  bool accepted = false;      ///< false: the server has rejected the assignment

  /// True when all fields are equal.
  friend bool operator==(const AssignmentResult& a, const AssignmentResult& b) {
    return a.assignment_id == b.assignment_id && a.accepted == b.accepted;
  }
  /// True when a field differs.
  friend bool operator!=(const AssignmentResult& a, const AssignmentResult& b) { return !(a == b); }
};

/// Calls `visitor(name, field)` for each field in the contract's order, with the contract's names.
template <class Update, class Visitor>
auto VisitFields(Update&& update, Visitor&& visitor) -> decltype((void)update.destination_zone) {
  visitor("assignment_id", update.assignment_id);
  visitor("courier_id", update.courier_id);
  visitor("destination_zone", update.destination_zone);
}

/// Calls `visitor(name, field)` for each field in the contract's order, with the contract's names.
template <class Result, class Visitor>
auto VisitFields(Result&& result, Visitor&& visitor) -> decltype((void)result.accepted) {
  visitor("assignment_id", result.assignment_id);
  visitor("accepted", result.accepted);
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
