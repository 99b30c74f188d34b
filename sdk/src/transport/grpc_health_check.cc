#include "transport/grpc_health_check.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "transport/grpc_context.h"
#include "transport/status_mapping.h"
#include "transport/thread_annotations.h"

namespace dispatchctl::internal {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr char kMethod[] = "/grpc.health.v1.Health/Check";

// HealthCheckRequest.service and HealthCheckResponse.status.
constexpr int kField = 1;

// The two messages have a field each. They are not compiled from a .proto file: an application may have
// compiled health.proto itself, and protobuf ends a process in which a file is registered twice.
grpc::ByteBuffer EncodeRequest(std::string_view service) {
  std::string bytes;
  if (!service.empty()) {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    WireFormatLite::WriteString(kField, std::string(service), &out);
  }
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::optional<ServingStatus> DecodeResponse(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  if (!bytes.DumpToSingleSlice(&slice).ok()) return std::nullopt;
  google::protobuf::io::CodedInputStream in(slice.begin(), static_cast<int>(slice.size()));
  std::uint64_t value = 0;
  while (const std::uint32_t tag = in.ReadTag()) {
    const bool is_status = tag == WireFormatLite::MakeTag(kField, WireFormatLite::WIRETYPE_VARINT);
    if (!(is_status ? in.ReadVarint64(&value) : WireFormatLite::SkipField(&in, tag))) return std::nullopt;
  }
  if (!in.ConsumedEntireMessage()) return std::nullopt;
  switch (value) {
    case 1:
      return ServingStatus::kServing;
    case 2:
      return ServingStatus::kNotServing;
    case 3:
      return ServingStatus::kServiceUnknown;
    default:
      return ServingStatus::kUnknown;
  }
}

class GrpcHealthCheck final : public HealthCheck, private Completion {
 public:
  GrpcHealthCheck(const HealthCheckTarget& target, EventLoop& loop, std::string_view service,
                  const AttemptOptions& options, HealthCheckHandler& handler)
      : target_(target), queue_(loop.queue()), handler_(handler), request_(EncodeRequest(service)) {
    ApplyOptions(options, context_);
  }

  void Start() override {
    reader_ = target_.stub.PrepareUnaryCall(&context_, kMethod, request_, &queue_);
    Completion* tag = this;
    HandOver(tag);
    reader_->StartCall();
    reader_->Finish(&reply_, &status_, tag);
  }

  void Cancel() override { context_.TryCancel(); }

 private:
  void OnCompletion(bool /*ok*/) override {
    AttemptEnd end = DescribeEnd(status_, context_, target_.endpoint, target_.tls);
    ServingStatus serving = ServingStatus::kUnknown;
    if (status_.ok()) {
      const std::optional<ServingStatus> decoded = DecodeResponse(reply_);
      if (decoded.has_value()) {
        serving = *decoded;
      } else {
        end = UnparsableReply();
      }
    }
    handler_.OnHealthCheckDone(std::move(end), serving);
  }

  const HealthCheckTarget target_;
  grpc::CompletionQueue& queue_;
  HealthCheckHandler& handler_;
  const grpc::ByteBuffer request_;
  grpc::ClientContext context_;
  grpc::ByteBuffer reply_;
  grpc::Status status_;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader_;
};

}  // namespace

std::unique_ptr<HealthCheck> MakeGrpcHealthCheck(const HealthCheckTarget& target, EventLoop& loop,
                                                 std::string_view service, const AttemptOptions& options,
                                                 HealthCheckHandler& handler) {
  return std::make_unique<GrpcHealthCheck>(target, loop, service, options, handler);
}

}  // namespace dispatchctl::internal
