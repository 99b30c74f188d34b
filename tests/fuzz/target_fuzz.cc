// Target strings (--server): what is accepted names something to connect to, and reads the same again.

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>

#include "endpoints/target.h"
#include "fuzz_input.h"

using dispatchctl::fuzz::AsText;
using dispatchctl::fuzz::Require;
using dispatchctl::internal::EndpointAddress;
using dispatchctl::internal::HostAndPort;
using dispatchctl::internal::IsIpLiteral;
using dispatchctl::internal::MakeIpAddress;
using dispatchctl::internal::ParseTarget;

namespace {

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(data, size);
  const auto target = ParseTarget(text);
  if (!target.ok()) {
    Require(target.status().code() == absl::StatusCode::kInvalidArgument, "a bad target is INVALID_ARGUMENT");
    Require(IsPrintable(std::string(target.status().message())), "an error can be shown");
    return 0;
  }
  Require(!target->addresses.empty() || !target->names.empty(), "a target names something");
  for (const EndpointAddress& endpoint : target->addresses) {
    Require(!endpoint.address.uri.empty() && !endpoint.address.name.empty(),
            "an address has a URI and a name");
    if (endpoint.authority != endpoint.address.name) continue;
    // An IP address, and as such a target of its own.
    const auto again = ParseTarget(endpoint.address.name);
    Require(again.ok() && again->names.empty() && again->addresses.size() == 1 &&
                again->addresses.front() == endpoint,
            "an address reads the same again");
  }
  // By itself "unix:1" is a socket; in a list it is a host of that name.
  for (const HostAndPort& name : target->names) {
    Require(!name.host.empty() && name.port != 0 && !IsIpLiteral(name.host), "a name has a host and a port");
    const auto again = ParseTarget(absl::StrCat("dns:///", name.host, ":", name.port));
    Require(
        again.ok() && again->addresses.empty() && again->names.size() == 1 && again->names.front() == name,
        "a name reads the same again");
  }
  return 0;
}
