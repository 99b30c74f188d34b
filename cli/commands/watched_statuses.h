#pragma once

#include <absl/status/statusor.h>
#include <dispatchctl/courier_status.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/options.h"

namespace dispatchctl::cli {

/// What is known of couriers that are looked up again and again: whether it is news, and whether it is what
/// is waited for. Not thread-safe.
class WatchedStatuses {
 public:
  WatchedStatuses(std::vector<FieldCondition> until, std::size_t couriers)
      : until_(std::move(until)), known_(couriers) {}

  /// Remembers what came of looking courier `index` up. True when it differs from what came before: another
  /// status, another error, or the first of all.
  bool Update(std::size_t index, const absl::StatusOr<CourierStatus>& status);

  /// True when every courier meets every condition, and there is one.
  bool IsMet() const;

  /// Which condition is not met, for people: "courier-42: availability is busy, not available". Empty when
  /// all are.
  std::string WhatIsMissing() const;

 private:
  std::string WhatIsMissing(const absl::StatusOr<CourierStatus>& status) const;

  const std::vector<FieldCondition> until_;
  std::vector<std::optional<absl::StatusOr<CourierStatus>>> known_;
};

}  // namespace dispatchctl::cli
