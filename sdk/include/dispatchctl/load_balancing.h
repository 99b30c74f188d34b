#pragma once

#include <string_view>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// Which of the usable endpoints a call goes to. Usable: connected, and its breaker lets calls through.
enum class LoadBalancing {
  kRoundRobin,          ///< each in turn
  kPickFirst,           ///< the first of the list, as long as it is usable
  kLeastRequest,        ///< the less busy of two drawn at random
  kWeightedRoundRobin,  ///< in turn, but more often those that answer faster
  kRingHash,            ///< the same courier on the same endpoint, as far as the set of endpoints allows
};

/// The policy's name as in gRPC service configs: "round_robin", "pick_first", "least_request",
/// "weighted_round_robin" or "ring_hash".
DISPATCHCTL_EXPORT std::string_view LoadBalancingName(LoadBalancing policy);

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
