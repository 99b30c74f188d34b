#include "transport/diagnosis_socket.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

struct Peer {
  sockaddr_storage address{};
  socklen_t size = 0;
};

std::optional<Peer> ParseEndpoint(std::string_view endpoint) {
  Peer peer;
  absl::string_view rest = View(endpoint);
  if (absl::ConsumePrefix(&rest, "unix:")) {
    auto& address = reinterpret_cast<sockaddr_un&>(peer.address);
    if (rest.size() >= sizeof(address.sun_path)) return std::nullopt;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, rest.data(), rest.size());
    peer.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + rest.size() + 1);
    return peer;
  }
  const std::size_t colon = rest.rfind(':');
  if (colon == absl::string_view::npos) return std::nullopt;
  std::uint16_t port = 0;
  const char* const end = rest.data() + rest.size();
  const auto [stop, error] = std::from_chars(rest.data() + colon + 1, end, port);
  if (error != std::errc{} || stop != end) return std::nullopt;
  absl::string_view host = rest.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  const std::string text(host);
  auto& v4 = reinterpret_cast<sockaddr_in&>(peer.address);
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    peer.size = sizeof v4;
    return peer;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(peer.address);
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    peer.size = sizeof v6;
    return peer;
  }
  return std::nullopt;
}

}  // namespace

DiagnosisSocket::~DiagnosisSocket() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status DiagnosisSocket::Connect(std::string_view endpoint) {
  const std::optional<Peer> peer = ParseEndpoint(endpoint);
  if (!peer) return absl::InvalidArgumentError("this kind of endpoint cannot be examined");
  const auto failed = [endpoint](int error) {
    return absl::UnavailableError(
        absl::StrCat("cannot connect to ", View(endpoint), ": ", std::strerror(error)));
  };
  fd_ = ::socket(peer->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return failed(errno);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&peer->address), peer->size) == 0) {
    return absl::OkStatus();
  }
  if (errno != EINPROGRESS) return failed(errno);
  if (!Wait(POLLOUT)) return failed(ETIMEDOUT);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? absl::OkStatus() : failed(error);
}

bool DiagnosisSocket::Wait(short events) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waited{fd_, events, 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace dispatchctl::internal
