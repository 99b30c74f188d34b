#include "dispatchctl/health.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

std::string_view ServingStatusName(ServingStatus status) {
  switch (status) {
    case ServingStatus::kServing:
      return "SERVING";
    case ServingStatus::kNotServing:
      return "NOT_SERVING";
    case ServingStatus::kServiceUnknown:
      return "SERVICE_UNKNOWN";
    case ServingStatus::kUnknown:
      break;
  }
  return "UNKNOWN";
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
