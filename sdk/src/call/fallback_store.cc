#include "call/fallback_store.h"

#include <algorithm>
#include <utility>

namespace dispatchctl {
namespace internal {

bool MayFallBack(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

MemoryFallbackStore::MemoryFallbackStore(std::size_t capacity, std::function<Time()> now)
    : capacity_(std::max<std::size_t>(capacity, 1)), now_(std::move(now)) {}

void MemoryFallbackStore::Put(const CourierStatus& status) {
  const Time now = now_();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const auto known = index_.find(status.courier_id); known != index_.end()) {
    entries_.splice(entries_.end(), entries_, known->second);
    known->second->status = status;
    known->second->put = now;
    return;
  }
  entries_.push_back({status.courier_id, status, now});
  index_.emplace(entries_.back().courier_id, std::prev(entries_.end()));
  if (entries_.size() > capacity_) {
    index_.erase(entries_.front().courier_id);
    entries_.pop_front();
  }
}

void MemoryFallbackStore::Remove(std::string_view courier_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = index_.find(courier_id);
  if (known == index_.end()) return;
  const Entries::iterator entry = known->second;
  index_.erase(known);
  entries_.erase(entry);
}

std::optional<StaleStatus> MemoryFallbackStore::Get(std::string_view courier_id,
                                                    std::chrono::nanoseconds max_age) {
  const Time now = now_();
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = index_.find(courier_id);
  if (known == index_.end()) return std::nullopt;
  // Put by another thread since this one looked at the clock: as new as can be.
  const std::chrono::nanoseconds age =
      std::max<std::chrono::nanoseconds>(now - known->second->put, std::chrono::nanoseconds::zero());
  if (age > max_age) return std::nullopt;
  return StaleStatus{known->second->status, age};
}

}  // namespace internal

inline namespace DISPATCHCTL_ABI {

std::shared_ptr<FallbackStore> MakeMemoryFallbackStore(std::size_t capacity) {
  return std::make_shared<internal::MemoryFallbackStore>(capacity,
                                                         [] { return std::chrono::steady_clock::now(); });
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
