#include "transport/lookup_messages.h"

#include <google/protobuf/io/coded_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "contract/courier_status_wire.h"
#include "dispatchpb/dispatch.pb.h"

namespace dispatchctl::internal {

using google::protobuf::io::CodedOutputStream;

grpc::ByteBuffer Serialize(const LookupRequest& request) {
  constexpr std::uint8_t kCourierIdTag = dispatchpb::CourierLookupRequest::kCourierIdFieldNumber << 3 | 2;
  const auto length = static_cast<std::uint32_t>(request.courier_id.size());
  const grpc::Slice slice(1 + CodedOutputStream::VarintSize32(length) + length);
  // The only owner of what it has just allocated may write to it.
  auto* out = const_cast<std::uint8_t*>(slice.begin());
  *out++ = kCourierIdTag;
  out = CodedOutputStream::WriteVarint32ToArray(length, out);
  request.courier_id.copy(reinterpret_cast<char*>(out), length);
  return {&slice, 1};
}

bool Deserialize(grpc::ByteBuffer& buffer, LookupReply& reply) {
  grpc::Slice slice;
  if (buffer.TrySingleSlice(&slice).ok() &&
      ReadPlainCourierStatus({reinterpret_cast<const char*>(slice.begin()), slice.size()}, reply.status)) {
    buffer.Clear();
    return true;
  }
  dispatchpb::CourierStatusReply message;
  bool parsed = false;
  {
    grpc::ProtoBufferReader reader(&buffer);
    parsed = reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
  }
  buffer.Clear();
  if (!parsed) return false;
  reply.status = {std::move(*message.mutable_courier_id()), std::move(*message.mutable_transport_mode()),
                  std::move(*message.mutable_availability()), std::move(*message.mutable_current_zone())};
  return true;
}

}  // namespace dispatchctl::internal
