#include "mapping/readiness.h"

#include <algorithm>

namespace bff {

bool Readiness::Update(const std::vector<dispatchctl::EndpointStatus>& endpoints) {
  if (std::any_of(endpoints.begin(), endpoints.end(), [](const dispatchctl::EndpointStatus& endpoint) {
        return endpoint.state == dispatchctl::EndpointState::kReady || endpoint.successes > 0;
      })) {
    was_connected_ = true;
  }
  return was_connected_ && !shutting_down_;
}

nlohmann::ordered_json EndpointRecords(const std::vector<dispatchctl::EndpointStatus>& endpoints) {
  nlohmann::ordered_json records = nlohmann::ordered_json::array();
  for (const dispatchctl::EndpointStatus& endpoint : endpoints) {
    records.push_back({{"address", endpoint.address},
                       {"state", dispatchctl::EndpointStateName(endpoint.state)},
                       {"breaker", dispatchctl::BreakerStateName(endpoint.breaker)},
                       {"last_error", endpoint.last_error}});
  }
  return records;
}

}  // namespace bff
