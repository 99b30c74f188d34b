#include "transport/lookup_messages.h"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "contract/courier_status_wire.h"
#include "dispatchpb/dispatch.pb.h"

namespace grpc {

using dispatchctl::internal::LookupReply;
using dispatchctl::internal::LookupRequest;
using google::protobuf::io::CodedOutputStream;

Status SerializationTraits<LookupRequest, void>::Serialize(const LookupRequest& request, ByteBuffer* buffer,
                                                           bool* own_buffer) {
  constexpr std::uint8_t kCourierIdTag = dispatchpb::CourierLookupRequest::kCourierIdFieldNumber << 3 | 2;
  const auto length = static_cast<std::uint32_t>(request.courier_id.size());
  Slice slice(1 + CodedOutputStream::VarintSize32(length) + length);
  // The only owner of what it has just allocated may write to it.
  auto* out = const_cast<std::uint8_t*>(slice.begin());
  *out++ = kCourierIdTag;
  out = CodedOutputStream::WriteVarint32ToArray(length, out);
  request.courier_id.copy(reinterpret_cast<char*>(out), length);
  ByteBuffer whole(&slice, 1);
  buffer->Swap(&whole);
  *own_buffer = true;
  return {};
}

Status SerializationTraits<LookupReply, void>::Deserialize(ByteBuffer* buffer, LookupReply* reply) {
  if (buffer == nullptr) return {StatusCode::INTERNAL, "no payload"};
  Slice slice;
  if (buffer->TrySingleSlice(&slice).ok() &&
      dispatchctl::internal::ReadPlainCourierStatus(
          {reinterpret_cast<const char*>(slice.begin()), slice.size()}, reply->status)) {
    buffer->Clear();
    return {};
  }
  dispatchpb::CourierStatusReply message;
  bool parsed = false;
  {
    ProtoBufferReader reader(buffer);
    parsed = reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
  }
  buffer->Clear();
  if (!parsed) return {StatusCode::INTERNAL, "unparsable reply"};
  reply->status = {std::move(*message.mutable_courier_id()), std::move(*message.mutable_transport_mode()),
                   std::move(*message.mutable_availability()), std::move(*message.mutable_current_zone())};
  return {};
}

}  // namespace grpc
