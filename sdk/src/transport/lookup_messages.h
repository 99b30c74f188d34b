#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string_view>
#include <utility>

#include "contract/methods.h"
#include "dispatchctl/courier_status.h"

namespace dispatchctl::internal {

// The lookup's messages as the library has them. Going through the generated ones would cost four per cent of
// a call: each string set, checked, and moved once more.
struct LookupRequest {
  std::string_view courier_id;  // not empty
};
struct LookupReply {
  CourierStatus status;
  bool parsed = false;  // a message has come, and was a reply
};

grpc::ByteBuffer Serialize(const LookupRequest& request);

// Empties `buffer`. Whatever is not of the plain kind is left to the generated message. False: it is no
// reply.
bool Deserialize(grpc::ByteBuffer& buffer, LookupReply& reply);

}  // namespace dispatchctl::internal

namespace grpc {

template <>
class SerializationTraits<dispatchctl::internal::LookupRequest, void> {
 public:
  static Status Serialize(const dispatchctl::internal::LookupRequest& request, ByteBuffer* buffer,
                          bool* own_buffer) {
    ByteBuffer serialized = dispatchctl::internal::Serialize(request);
    buffer->Swap(&serialized);
    *own_buffer = true;
    return {};
  }
};

template <>
class SerializationTraits<dispatchctl::internal::LookupReply, void> {
 public:
  static Status Deserialize(ByteBuffer* buffer, dispatchctl::internal::LookupReply* reply) {
    reply->parsed = buffer != nullptr && dispatchctl::internal::Deserialize(*buffer, *reply);
    return reply->parsed ? Status() : Status(StatusCode::INTERNAL, "unparsable reply");
  }
};

}  // namespace grpc

namespace dispatchctl::internal {

// As a generated stub, for these messages. gRPC's generic stub names its method anew for each call, which
// copies the name each time.
class LookupStub {
 public:
  explicit LookupStub(std::shared_ptr<grpc::ChannelInterface> channel)
      : channel_(std::move(channel)), method_(kLookupPath, grpc::internal::RpcMethod::NORMAL_RPC, channel_) {}

  std::unique_ptr<grpc::ClientAsyncResponseReader<LookupReply>> Prepare(grpc::ClientContext& context,
                                                                        const LookupRequest& request,
                                                                        grpc::CompletionQueue& queue) {
    return std::unique_ptr<grpc::ClientAsyncResponseReader<LookupReply>>(
        grpc::internal::ClientAsyncResponseReaderHelper::Create<LookupReply>(channel_.get(), &queue, method_,
                                                                             &context, request));
  }

 private:
  std::shared_ptr<grpc::ChannelInterface> channel_;
  grpc::internal::RpcMethod method_;
};

}  // namespace dispatchctl::internal
