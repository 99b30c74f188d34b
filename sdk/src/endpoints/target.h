#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transport/channel.h"

namespace dispatchctl::internal {

// An address and the :authority of calls to it.
struct EndpointAddress {
  Address address;
  std::string authority;

  friend bool operator==(const EndpointAddress&, const EndpointAddress&) = default;
};

struct HostAndPort {
  std::string host;  // a name; IPv6 without brackets
  std::uint16_t port = 0;

  friend bool operator==(const HostAndPort&, const HostAndPort&) = default;
};

// What a target string says.
struct Target {
  std::vector<EndpointAddress> addresses;  // known as they stand
  std::vector<HostAndPort> names;          // to be resolved
  bool local = false;                      // all of it is loopback, "localhost" or a unix socket
};

// Reads a target in any form that ClientOptions::target lists. What only gRPC can resolve becomes one
// address. Errors: INVALID_ARGUMENT that quotes the target and says what is wrong with it.
absl::StatusOr<Target> ParseTarget(std::string_view text);

// The address of an IP literal and a port. `host` must be a literal.
Address MakeIpAddress(std::string_view host, std::uint16_t port);

// True for IPv4 and IPv6 literals, the latter without brackets.
bool IsIpLiteral(std::string_view host);

}  // namespace dispatchctl::internal
