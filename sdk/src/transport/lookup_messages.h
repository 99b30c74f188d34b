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
};

using LookupStub = grpc::TemplatedGenericStub<LookupRequest, LookupReply>;

}  // namespace dispatchctl::internal

namespace grpc {

template <>
class SerializationTraits<dispatchctl::internal::LookupRequest, void> {
 public:
  static Status Serialize(const dispatchctl::internal::LookupRequest& request, ByteBuffer* buffer,
                          bool* own_buffer);
};

template <>
class SerializationTraits<dispatchctl::internal::LookupReply, void> {
 public:
  // Whatever is not of the plain kind is left to the generated message.
  static Status Deserialize(ByteBuffer* buffer, dispatchctl::internal::LookupReply* reply);
};

}  // namespace grpc
