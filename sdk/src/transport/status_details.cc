#include "transport/status_details.h"

#include <absl/strings/cord.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <string>

namespace dispatchctl::internal {

void AttachDetails(std::string_view rich_status, absl::Status& status) {
  // Read by hand: google/rpc/status.proto compiled in here as well as in the application would be registered
  // twice.
  using google::protobuf::internal::WireFormatLite;
  constexpr int kDetailsField = 3;
  constexpr std::uint32_t kDetails =
      WireFormatLite::MakeTag(kDetailsField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  if (status.ok() || rich_status.empty()) return;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(rich_status.data()),
                                               static_cast<int>(rich_status.size()));
  while (const std::uint32_t tag = input.ReadTag()) {
    if (tag != kDetails) {
      if (!WireFormatLite::SkipField(&input, tag)) return;
      continue;
    }
    std::uint32_t size = 0;
    std::string bytes;
    if (!input.ReadVarint32(&size) || !input.ReadString(&bytes, static_cast<int>(size))) return;
    google::protobuf::Any detail;
    if (!detail.ParseFromString(bytes) || detail.type_url().empty()) continue;
    if (!status.GetPayload(detail.type_url()).has_value())
      status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
}

}  // namespace dispatchctl::internal
