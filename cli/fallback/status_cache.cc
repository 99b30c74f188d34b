#include "fallback/status_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fallback/cache_file.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;

// Clocks of one machine differ by what they are set back. A status from further in the future is of unknown
// age.
constexpr std::chrono::minutes kMostClockSkew{1};

std::optional<StaleStatus> IfYoung(const KnownStatus& known, std::chrono::system_clock::time_point now,
                                   nanoseconds max_age) {
  const nanoseconds age = now - known.at;
  if (age > max_age || age < -kMostClockSkew) return std::nullopt;
  return StaleStatus{known.status, std::max(age, nanoseconds(0))};
}

}  // namespace

StatusCache::StatusCache(std::string path, std::string service, WallClock now, Warn warn,
                         std::size_t capacity)
    : path_(std::move(path)),
      service_(std::move(service)),
      now_(std::move(now)),
      warn_(std::move(warn)),
      capacity_(capacity) {}

void StatusCache::Put(const CourierStatus& status) {
  Learn({status.courier_id, KnownStatus{status, now_()}});
}

void StatusCache::Remove(std::string_view courier_id) {
  Learn({std::string(courier_id), std::nullopt});
}

void StatusCache::Learn(Change change) {
  const std::lock_guard lock(mutex_);
  if (const auto before = change_of_.find(change.courier_id); before != change_of_.end()) {
    const auto old = before->second;
    change_of_.erase(before);
    changes_.erase(old);
  }
  changes_.push_back(std::move(change));
  change_of_.emplace(changes_.back().courier_id, std::prev(changes_.end()));
  if (changes_.size() > capacity_) {
    change_of_.erase(changes_.front().courier_id);
    changes_.pop_front();
  }
}

std::optional<StaleStatus> StatusCache::Get(std::string_view courier_id, nanoseconds max_age) {
  const std::lock_guard lock(mutex_);
  const auto now = now_();
  if (const auto change = change_of_.find(courier_id); change != change_of_.end()) {
    const std::optional<KnownStatus>& known = change->second->known;
    return known.has_value() ? IfYoung(*known, now, max_age) : std::nullopt;
  }
  if (!loaded_.has_value()) loaded_ = Load();
  const auto known = loaded_->find(std::string(courier_id));
  return known == loaded_->end() ? std::nullopt : IfYoung(known->second, now, max_age);
}

void StatusCache::Save() {
  const std::lock_guard lock(mutex_);
  if (changes_.empty() || path_.empty()) return;
  // Afresh: other processes may have added to it.
  KnownStatuses statuses = Load();
  for (Change& change : changes_) {
    if (change.known.has_value()) {
      statuses.insert_or_assign(change.courier_id, *std::move(change.known));
    } else {
      statuses.erase(change.courier_id);
    }
  }
  change_of_.clear();
  changes_.clear();
  KeepNewest(statuses, capacity_);
  const absl::Status status = ReplaceCacheFile(path_, EncodeStatuses(service_, statuses));
  if (!status.ok()) WarnOnce("cannot keep statuses in", status);
  loaded_ = std::move(statuses);
}

KnownStatuses StatusCache::Load() {
  if (path_.empty()) return {};
  const absl::StatusOr<std::string> text = ReadCacheFile(path_, (capacity_ + 1) * kMostStatusLineBytes);
  if (!text.ok()) {
    if (text.status().code() != absl::StatusCode::kNotFound) WarnOnce("cannot read", text.status());
    return {};
  }
  absl::StatusOr<KnownStatuses> statuses = DecodeStatuses(service_, *text);
  if (statuses.ok()) return *std::move(statuses);
  WarnOnce("ignoring", statuses.status());
  return {};
}

void StatusCache::WarnOnce(std::string_view what, const absl::Status& status) {
  if (std::exchange(warned_, true)) return;
  warn_(fmt::format("--stale-if-error: {} {}: {}", what, path_, std::string(status.message())));
}

}  // namespace dispatchctl::cli
