#include "commands/watched_statuses.h"

#include <fmt/format.h>

#include <string_view>

#include "output/error_report.h"

namespace dispatchctl::cli {
namespace {

std::string_view FieldOf(const CourierStatus& status, std::string_view wanted) {
  std::string_view found;
  VisitFields(status, [&](std::string_view name, const std::string& value) {
    if (name == wanted) found = value;
  });
  return found;
}

}  // namespace

bool WatchedStatuses::Update(std::size_t index, const absl::StatusOr<CourierStatus>& status) {
  std::optional<absl::StatusOr<CourierStatus>>& known = known_[index];
  const bool same = known.has_value() && known->ok() == status.ok() &&
                    (status.ok() ? **known == *status : known->status().code() == status.status().code());
  known = status;
  return !same;
}

bool WatchedStatuses::IsMet() const {
  return !until_.empty() && WhatIsMissing().empty();
}

std::string WatchedStatuses::WhatIsMissing() const {
  for (const std::optional<absl::StatusOr<CourierStatus>>& known : known_) {
    if (!known.has_value()) return "not every courier has been looked up yet";
    if (std::string missing = WhatIsMissing(*known); !missing.empty()) return missing;
  }
  return {};
}

std::string WatchedStatuses::WhatIsMissing(const absl::StatusOr<CourierStatus>& status) const {
  if (!status.ok()) {
    return fmt::format("{} ({})", std::string(status.status().message()),
                       StatusCodeName(status.status().code()));
  }
  for (const FieldCondition& condition : until_) {
    const std::string_view value = FieldOf(*status, condition.field);
    if ((value == condition.value) == condition.equal) continue;
    return condition.equal ? fmt::format("{}: {} is '{}', not '{}'", status->courier_id, condition.field,
                                         value, condition.value)
                           : fmt::format("{}: {} is still '{}'", status->courier_id, condition.field, value);
  }
  return {};
}

}  // namespace dispatchctl::cli
