// The reader of plain replies against protobuf's: it takes nothing that protobuf refuses, reads the same, and
// takes all that is plain.

#include <algorithm>
#include <string>

#include "contract/courier_status_wire.h"
#include "dispatchpb/dispatch.pb.h"
#include "fuzz_input.h"

using dispatchctl::CourierStatus;
using dispatchctl::fuzz::AsText;
using dispatchctl::fuzz::Require;

namespace {

bool IsPlain(const std::string& text) {
  return text.size() < 128 && std::all_of(text.begin(), text.end(), [](char c) { return c >= 0; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // An earlier reply's, as they serve again.
  CourierStatus status{"left", "over", "from", "before"};
  const bool plain = dispatchctl::internal::ReadPlainCourierStatus(AsText(data, size), status);
  // Arbitrary bytes make protobuf complain, which costs more than all else.
  static google::protobuf::LogSilencer silencer;
  dispatchpb::CourierStatusReply reply;
  const bool parsed = reply.ParseFromArray(data, static_cast<int>(size));
  if (plain) {
    Require(parsed, "what is plain is a reply");
    Require(status.courier_id == reply.courier_id() && status.transport_mode == reply.transport_mode() &&
                status.availability == reply.availability() && status.current_zone == reply.current_zone(),
            "a plain reply reads as protobuf reads it");
  }
  reply.DiscardUnknownFields();
  if (!parsed || !IsPlain(reply.courier_id()) || !IsPlain(reply.transport_mode()) ||
      !IsPlain(reply.availability()) || !IsPlain(reply.current_zone()))
    return 0;
  Require(dispatchctl::internal::ReadPlainCourierStatus(reply.SerializeAsString(), status),
          "a reply of short ASCII fields is plain as it is sent");
  return 0;
}
