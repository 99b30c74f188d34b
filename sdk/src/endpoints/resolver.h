#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <vector>

#include "endpoints/target.h"

namespace dispatchctl::internal {

// Turns names into addresses.
class Resolver {
 public:
  using Callback = std::function<void(absl::StatusOr<std::vector<EndpointAddress>>)>;

  // No callback runs once the destructor has returned; it does not wait for the network.
  virtual ~Resolver() = default;

  // Starts one resolution; `done` is called once, on the resolver's own thread. Not while another is under
  // way.
  virtual void Resolve(Callback done) = 0;
};

}  // namespace dispatchctl::internal
