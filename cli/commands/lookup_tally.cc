#include "commands/lookup_tally.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/quantity.h"

namespace dispatchctl::cli {

void LookupTally::AddSuccess(std::optional<std::chrono::nanoseconds> stale_age) {
  const std::lock_guard lock(mutex_);
  ++counts_.total;
  if (!stale_age.has_value()) return;
  ++counts_.stale;
  counts_.oldest = std::max(counts_.oldest, *stale_age);
}

void LookupTally::AddFailure(const ErrorReport& error) {
  const std::lock_guard lock(mutex_);
  ++counts_.total;
  if (++counts_.failed == 1) counts_.first = error;
  if (error.kind == ErrorKind::kConnect) ++counts_.never_connected;
}

std::string LookupTally::StaleNote() const {
  const std::lock_guard lock(mutex_);
  if (counts_.stale == 0) return {};
  return fmt::format("{} of {} are last known statuses, the oldest {} old", counts_.stale, counts_.total,
                     Seconds(counts_.oldest));
}

std::optional<ErrorReport> LookupTally::Verdict() const {
  const std::lock_guard lock(mutex_);
  if (counts_.failed == 0) return std::nullopt;
  // With one id, or without a server, there is one thing to say.
  if (counts_.total == 1 || counts_.never_connected == counts_.total) return counts_.first;
  ErrorReport error;
  error.kind = ErrorKind::kPartial;
  error.message = fmt::format("{} of {} lookups failed", counts_.failed, counts_.total);
  return error;
}

void LookupTally::Clear() {
  const std::lock_guard lock(mutex_);
  counts_ = {};
}

}  // namespace dispatchctl::cli
