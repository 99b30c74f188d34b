#include "mock-server/server/listen_address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>

namespace dispatchctl::mock {
namespace {

constexpr std::string_view kUnix = "unix:";

absl::Status Invalid(std::string_view text, std::string_view reason) {
  return absl::InvalidArgumentError(
      fmt::format("'{}' {}; use host:port, [v6]:port or unix:PATH", text, reason));
}

}  // namespace

absl::StatusOr<ListenAddress> ListenAddress::Parse(std::string_view text) {
  ListenAddress address;
  if (text.starts_with(kUnix)) {
    std::string_view path = text.substr(kUnix.size());
    if (path.starts_with("//")) path.remove_prefix(2);
    if (path.empty()) return Invalid(text, "names no path");
    address.path_ = path;
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Invalid(text, "has no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Invalid(text, "is an IPv6 address without brackets");
  }
  if (host.empty()) return Invalid(text, "has no host");
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port_);
  if (error != std::errc() || end != port.data() + port.size())
    return Invalid(text, "has no port from 0 to 65535");
  address.host_ = host;
  return address;
}

std::string ListenAddress::WithPort(int port) const {
  const bool v6 = host_.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host_, port) : fmt::format("{}:{}", host_, port);
}

absl::Status ListenAddress::CheckBindable() const {
  const auto cannot = [this](std::string_view reason) {
    return absl::UnavailableError(fmt::format("cannot listen on {}: {}", ToString(), reason));
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host_.c_str(), std::to_string(port_).c_str(), &hints, &found);
      error != 0) {
    return cannot(gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
    const int descriptor = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) continue;  // no IPv6 on this machine: nor will gRPC use it
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (each->ai_family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    const int error = bind(descriptor, each->ai_addr, each->ai_addrlen) == 0 ? 0 : errno;
    close(descriptor);
    // A name may stand for an address family the machine has switched off.
    if (error == EADDRNOTAVAIL && addresses->ai_next != nullptr) continue;
    if (error != 0) return cannot(std::generic_category().message(error));
  }
  return absl::OkStatus();
}

}  // namespace dispatchctl::mock
