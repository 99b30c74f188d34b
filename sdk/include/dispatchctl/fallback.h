#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dispatchctl/courier_status.h"
#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// A status as it once was, and how long ago.
struct StaleStatus {
  CourierStatus status;             ///< as the server gave it
  std::chrono::nanoseconds age{0};  ///< since then
};

/// Keeps the last known status of couriers. Thread safety: all members may be called from any thread; they
/// must not block for long, since they run on the path of every lookup.
class DISPATCHCTL_EXPORT FallbackStore {
 public:
  virtual ~FallbackStore() = default;

  /// The server has just given this answer.
  virtual void Put(const CourierStatus& status) = 0;

  /// The server has just said that there is no such courier.
  virtual void Remove(std::string_view courier_id) = 0;

  /// The last known status if it is not older than `max_age`.
  virtual std::optional<StaleStatus> Get(std::string_view courier_id, std::chrono::nanoseconds max_age) = 0;
};

/// A store in memory that forgets the couriers whose status was put longest ago once it has `capacity` of
/// them (1 or more). Ages are taken on the steady clock.
DISPATCHCTL_EXPORT std::shared_ptr<FallbackStore> MakeMemoryFallbackStore(std::size_t capacity);

/// Whether a lookup that failed may be answered with what was known before. It never hides an answer that the
/// server did give: only UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED and ABORTED are replaced,
/// whatever stage they come from.
struct FallbackOptions {
  /// Oldest status used in place of an error, greater than zero. Unset: none is.
  std::optional<std::chrono::nanoseconds> stale_if_error = std::nullopt;

  /// Where statuses are kept. Null: in memory, `capacity` of them, once stale_if_error is set.
  std::shared_ptr<FallbackStore> store = {};
  std::size_t capacity = 10000;  ///< couriers; 1 or more
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
