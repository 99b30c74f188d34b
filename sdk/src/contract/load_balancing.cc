#include "dispatchctl/load_balancing.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

std::string_view LoadBalancingName(LoadBalancing policy) {
  switch (policy) {
    case LoadBalancing::kRoundRobin:
      return "round_robin";
    case LoadBalancing::kPickFirst:
      return "pick_first";
    case LoadBalancing::kLeastRequest:
      return "least_request";
    case LoadBalancing::kWeightedRoundRobin:
      return "weighted_round_robin";
    case LoadBalancing::kRingHash:
      return "ring_hash";
  }
  return "unknown";
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
