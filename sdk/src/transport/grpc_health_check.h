#pragma once

#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <string_view>

#include "transport/channel.h"

namespace dispatchctl::internal {

// Where the call goes; all of it must live until the call has ended.
struct HealthCheckTarget {
  std::shared_ptr<const void> owner;  // whose the stub is
  grpc::GenericStub& stub;
  std::string_view endpoint;  // for people
  bool tls;
};

std::unique_ptr<HealthCheck> MakeGrpcHealthCheck(const HealthCheckTarget& target, EventLoop& loop,
                                                 std::string_view service, const AttemptOptions& options,
                                                 HealthCheckHandler& handler);

}  // namespace dispatchctl::internal
