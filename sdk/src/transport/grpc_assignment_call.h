#pragma once

#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <string_view>

#include "transport/channel.h"

namespace dispatchctl::internal {

// What a call needs of the channel it runs on. The channel outlives its calls.
struct AssignmentCallTarget {
  std::shared_ptr<const void> owner;  // of the stub
  grpc::GenericStub& stub;
  std::string_view endpoint;
  bool tls;
};

std::unique_ptr<AssignmentCall> MakeGrpcAssignmentCall(const AssignmentCallTarget& target, EventLoop& loop,
                                                       const AttemptOptions& options,
                                                       AssignmentCallHandler& handler);

}  // namespace dispatchctl::internal
