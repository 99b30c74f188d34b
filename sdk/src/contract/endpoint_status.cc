#include "dispatchctl/endpoint_status.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

std::string_view EndpointStateName(EndpointState state) {
  switch (state) {
    case EndpointState::kIdle:
      return "idle";
    case EndpointState::kConnecting:
      return "connecting";
    case EndpointState::kReady:
      return "ready";
    case EndpointState::kTransientFailure:
      return "transient_failure";
    case EndpointState::kShutdown:
      break;
  }
  return "shutdown";
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
