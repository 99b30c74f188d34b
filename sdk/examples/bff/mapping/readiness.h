#pragma once

#include <dispatchctl/endpoint_status.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <vector>

namespace bff {

/// Whether this process should get requests.
///
/// Ready from the first time an endpoint of the service was connected until the shutdown begins. Not unready
/// while the service is down: all instances would be so at once, and last known answers are better than none.
/// Thread safety: all members from any thread.
class Readiness {
 public:
  void BeginShutdown() { shutting_down_ = true; }

  /// Looks at the endpoints; true when ready.
  bool Update(const std::vector<dispatchctl::EndpointStatus>& endpoints);

  bool shutting_down() const { return shutting_down_; }

 private:
  std::atomic<bool> was_connected_{false};
  std::atomic<bool> shutting_down_{false};
};

/// Endpoints for people who look why: address, state, breaker, last_error.
nlohmann::ordered_json EndpointRecords(const std::vector<dispatchctl::EndpointStatus>& endpoints);

}  // namespace bff
