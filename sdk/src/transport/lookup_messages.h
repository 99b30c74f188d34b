#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <string_view>

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

using LookupStub = grpc::TemplatedGenericStub<LookupRequest, LookupReply>;

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
