#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "endpoints/resolver.h"

namespace dispatchctl::internal {

// Resolves A and AAAA records, and what the hosts file says, with c-ares. A name of several addresses gives
// one endpoint each, whose authority is the name's. A resolution fails only when no name could be resolved,
// and takes at most `timeout`. `interval`: as in ResolveSchedule.
std::unique_ptr<Resolver> MakeDnsResolver(std::vector<HostAndPort> names, std::chrono::milliseconds timeout,
                                          std::chrono::milliseconds interval);

}  // namespace dispatchctl::internal
