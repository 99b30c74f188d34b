#include "mock-server/server/listen_address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>
#include <utility>

namespace dispatchctl::mock {
namespace {

constexpr std::string_view kUnix = "unix:";

absl::Status Invalid(std::string_view text, std::string_view reason) {
  return absl::InvalidArgumentError(
      fmt::format("'{}' {}; use host:port, [v6]:port or unix:PATH", text, reason));
}

void SetPort(sockaddr& address, int port) {
  const in_port_t value = htons(static_cast<std::uint16_t>(port));
  if (address.sa_family == AF_INET) reinterpret_cast<sockaddr_in&>(address).sin_port = value;
  if (address.sa_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(address).sin6_port = value;
}

}  // namespace

int PortOf(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

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

bool ListenAddress::is_local() const {
  return is_unix() || host_ == "localhost" || host_ == "::1" || host_.starts_with("127.");
}

absl::StatusOr<std::vector<Descriptor>> ListenAddress::Bind(int port) const {
  const auto cannot = [this](std::string_view reason) {
    return absl::UnavailableError(fmt::format("cannot listen on {}: {}", ToString(), reason));
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host_.c_str(), std::to_string(port).c_str(), &hints, &found);
      error != 0) {
    return cannot(gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, freeaddrinfo);
  std::vector<Descriptor> sockets;
  for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
    Descriptor descriptor(socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!descriptor.valid()) continue;  // no IPv6 on this machine: nor will gRPC use it
    const int on = 1;
    setsockopt(descriptor.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (each->ai_family == AF_INET6) setsockopt(descriptor.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    SetPort(*each->ai_addr, port);
    const int error = bind(descriptor.get(), each->ai_addr, each->ai_addrlen) == 0 ? 0 : errno;
    // A name may stand for an address family the machine has switched off.
    if (error == EADDRNOTAVAIL && addresses->ai_next != nullptr) continue;
    if (error != 0) return cannot(std::generic_category().message(error));
    if (port == 0) port = PortOf(descriptor.get());
    sockets.push_back(std::move(descriptor));
  }
  if (sockets.empty()) return cannot("none of its addresses is one of this machine's");
  return sockets;
}

}  // namespace dispatchctl::mock
