#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "dispatchctl/fallback.h"

namespace dispatchctl::internal {

// True when a lookup that ended like this may be answered with what was known before: the service could not
// be asked. An answer it did give, if only that there is no such courier, is never hidden.
bool MayFallBack(const absl::Status& status);

// What MakeMemoryFallbackStore gives, on any clock that does not go back.
class MemoryFallbackStore final : public FallbackStore {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `capacity` of 0 is taken as 1. `now` is called from any thread.
  MemoryFallbackStore(std::size_t capacity, std::function<Time()> now);

  void Put(const CourierStatus& status) override;
  void Remove(std::string_view courier_id) override;
  std::optional<StaleStatus> Get(std::string_view courier_id, std::chrono::nanoseconds max_age) override;

 private:
  struct Entry {
    std::string courier_id;  // what the index refers to: never changed while it is there
    CourierStatus status;
    Time put;
  };
  using Entries = std::list<Entry>;

  const std::size_t capacity_;
  const std::function<Time()> now_;

  std::mutex mutex_;  // guards what follows
  Entries entries_;   // by when they were put, oldest first
  std::unordered_map<std::string_view, Entries::iterator> index_;
};

}  // namespace dispatchctl::internal
