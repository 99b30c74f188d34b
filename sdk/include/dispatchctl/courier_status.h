#pragma once

#include <string>
#include <utility>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// What the Dispatch service knows of one courier. Plain value, no thread affinity.
struct CourierStatus {
  std::string courier_id;      ///< as it was asked for
  std::string transport_mode;  ///< "bike", "car", ... as the server names it
  std::string availability;    ///< "available", "busy", ... as the server names it
  std::string current_zone;    ///< empty when the server predates the field

  /// True when all fields are equal.
  friend bool operator==(const CourierStatus& a, const CourierStatus& b) {
    return a.courier_id == b.courier_id && a.transport_mode == b.transport_mode &&
           a.availability == b.availability && a.current_zone == b.current_zone;
  }
  /// True when a field differs.
  friend bool operator!=(const CourierStatus& a, const CourierStatus& b) { return !(a == b); }
};

/// Calls `visitor(name, field)` for each field in the contract's order, with the contract's names.
/// `status` may be const or not; a printer written with it shows fields that later versions add.
template <class Status, class Visitor>
auto VisitFields(Status&& status, Visitor&& visitor) -> decltype((void)status.transport_mode) {
  visitor("courier_id", status.courier_id);
  visitor("transport_mode", status.transport_mode);
  visitor("availability", status.availability);
  visitor("current_zone", status.current_zone);
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
