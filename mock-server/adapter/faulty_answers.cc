#include "mock-server/adapter/faulty_answers.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dispatchctl::mock {
namespace {

// Free in every message of the contract, and in all it may yet get.
constexpr std::uint32_t kPaddingField = 100'000;
// Field 1, a string in both answers of the contract: two bytes that are not UTF-8.
constexpr std::string_view kBadUtf8{"\x0a\x02\xc3\x28"};
// Field 1 of 127 bytes, which do not follow.
constexpr std::string_view kTruncatedField{"\x0a\x7f"};

void AppendPadding(std::size_t size, std::string& bytes) {
  constexpr std::uint32_t kLengthDelimited = 2;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.WriteTag(kPaddingField << 3U | kLengthDelimited);
  out.WriteVarint32(static_cast<std::uint32_t>(size));
  out.WriteString(std::string(size, 'x'));
}

}  // namespace

grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message, const Faults& faults) {
  std::string bytes;
  message.AppendPartialToString(&bytes);
  if (faults.message_bytes > 0) AppendPadding(faults.message_bytes, bytes);
  if (faults.corruption == Corruption::kBadUtf8) bytes += kBadUtf8;
  if (faults.corruption == Corruption::kBadBytes) bytes += kTruncatedField;
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

void Replace(const std::vector<std::pair<std::string, std::string>>& fields,
             google::protobuf::Message& message) {
  using google::protobuf::FieldDescriptor;
  for (const auto& [name, value] : fields) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr) continue;
    if (field->type() == FieldDescriptor::TYPE_BOOL) {
      message.GetReflection()->SetBool(&message, field, value == "true");
    } else if (field->type() == FieldDescriptor::TYPE_STRING) {
      message.GetReflection()->SetString(&message, field, value);
    }
  }
}

void AddHeaders(const Faults& faults, grpc::ServerContext& context) {
  if (faults.header_bytes > 0) {
    context.AddInitialMetadata("x-mock-padding", std::string(faults.header_bytes, 'x'));
  }
}

grpc::Status EndingStatus(const FaultEnding& ending, grpc::ServerContext& context) {
  if (ending.pushback.has_value()) context.AddTrailingMetadata("grpc-retry-pushback-ms", *ending.pushback);
  return {static_cast<grpc::StatusCode>(ending.code), ending.message};
}

}  // namespace dispatchctl::mock
