#pragma once

#include <dispatchctl/fallback.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fallback/known_statuses.h"

namespace dispatchctl::cli {

/// The last known statuses of one service's couriers, kept in a file from one run to the next.
///
/// The file is read when a status is asked for, and replaced as a whole by Save; nothing else touches it.
/// Several processes may share it: each adds what it has learnt to what it finds, and at worst one of two
/// that save at the same moment loses what it had learnt. A file that cannot be used is a warning and no
/// more.
class StatusCache final : public FallbackStore {
 public:
  using WallClock = std::function<std::chrono::system_clock::time_point()>;
  using Warn = std::function<void(std::string_view)>;

  static constexpr std::size_t kCapacity = 10'000;

  /// `path` empty: remembers within this process only. `warn` may be called from any thread.
  StatusCache(std::string path, std::string service, WallClock now, Warn warn,
              std::size_t capacity = kCapacity);

  void Put(const CourierStatus& status) override;
  void Remove(std::string_view courier_id) override;
  std::optional<StaleStatus> Get(std::string_view courier_id, std::chrono::nanoseconds max_age) override;

  /// Adds to the file what has been put and removed since it was last saved.
  void Save();

 private:
  // What this process has learnt of a courier: its status, or that there is none.
  struct Change {
    std::string courier_id;
    std::optional<KnownStatus> known;
  };

  void Learn(Change change);
  KnownStatuses Load();
  void WarnOnce(std::string_view what, const absl::Status& status);

  const std::string path_;
  const std::string service_;
  const WallClock now_;
  const Warn warn_;
  const std::size_t capacity_;

  std::mutex mutex_;
  std::list<Change> changes_;  // oldest first
  std::unordered_map<std::string_view, std::list<Change>::iterator> change_of_;
  std::optional<KnownStatuses> loaded_;
  bool warned_ = false;
};

}  // namespace dispatchctl::cli
