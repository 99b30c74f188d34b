#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <vector>

#include "endpoints/target.h"

namespace dispatchctl::internal {

// Turns names into addresses, again and again.
class Resolver {
 public:
  // Never with an empty list: a name without addresses is an error.
  using Listener = std::function<void(absl::StatusOr<std::vector<EndpointAddress>>)>;

  // `listener` is not called once the destructor has returned; it does not wait for the network.
  virtual ~Resolver() = default;

  // Once. Resolves now and from then on as often as the resolver's schedule says; `listener` hears of every
  // outcome, on the resolver's own thread.
  virtual void Start(Listener listener) = 0;

  // Brings the next resolution forward, as far as the schedule allows. From any thread, after Start.
  virtual void ResolveSoon() = 0;
};

}  // namespace dispatchctl::internal
