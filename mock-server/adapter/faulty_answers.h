#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <string>
#include <utility>
#include <vector>

#include "mock-server/faults/fault_engine.h"

namespace dispatchctl::mock {

// The message with the size and the damage the faults ask for. It is undamaged but for what they name: added
// bytes are a field the contract does not have.
grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message, const Faults& faults);

// Puts what the fields are to hold into the answer. A field the message does not have is left out.
void Replace(const std::vector<std::pair<std::string, std::string>>& fields,
             google::protobuf::Message& message);

// Before the first message or the status is sent.
void AddHeaders(const Faults& faults, grpc::ServerContext& context);

// The status to end with; its pushback goes into the trailing metadata.
grpc::Status EndingStatus(const FaultEnding& ending, grpc::ServerContext& context);

}  // namespace dispatchctl::mock
