#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dispatchctl::mock {

// What health checks are told of each service. Thread-safe.
class HealthBoard {
 public:
  // The server as a whole, "", and the contract's service, both serving.
  HealthBoard();

  // A service that is not known yet is from now on.
  void Set(std::string_view service, bool serving);
  // Every service there is.
  void SetAll(bool serving);
  // As at the start.
  void Reset();

  // Nothing: there is no such service.
  std::optional<bool> Serving(std::string_view service) const;
  std::map<std::string, bool, std::less<>> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, bool, std::less<>> services_;
};

}  // namespace dispatchctl::mock
