#pragma once

#include <string>
#include <string_view>

#include "transport/channel.h"

namespace grpc {
class ClientContext;
class Status;
}  // namespace grpc

namespace dispatchctl::internal {

// What gRPC's own status of a finished call says about where it broke and who said so. `tls`: the channel
// uses TLS.
AttemptEnd DescribeEnd(const grpc::Status& status, const grpc::ClientContext& context,
                       std::string_view endpoint, bool tls);

// The pure part of it: `message` and `debug` as gRPC 1.51 words them.
AttemptEnd DescribeEnd(int code, const std::string& message, std::string_view debug,
                       std::string_view endpoint, bool tls);

// The end of a call whose reply could not be decoded.
AttemptEnd UnparsableReply();

// The end of a call whose status was OK, and which gave no reply.
AttemptEnd MissingReply();

}  // namespace dispatchctl::internal
