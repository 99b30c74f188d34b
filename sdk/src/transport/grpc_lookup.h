#pragma once

#include <memory>
#include <string_view>

#include "dispatchpb/dispatch.grpc.pb.h"
#include "transport/channel.h"

namespace dispatchctl::internal {

// What an attempt needs of the channel it runs on. The channel outlives its attempts.
struct LookupTarget {
  std::shared_ptr<const void> owner;  // of the stub
  dispatchpb::DispatchGateway::Stub& stub;
  std::string_view endpoint;
  bool tls;
};

std::unique_ptr<LookupAttempt> MakeGrpcLookup(const LookupTarget& target, EventLoop& loop,
                                              std::string_view courier_id, const AttemptOptions& options,
                                              LookupHandler& handler);

}  // namespace dispatchctl::internal
