#include "mock-server/server/listener.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace dispatchctl::mock {
namespace {

absl::Status Cannot(const ListenAddress& address, int error) {
  return absl::UnavailableError(
      fmt::format("cannot listen on {}: {}", address.ToString(), std::generic_category().message(error)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Reserve(const ListenAddress& address) {
  std::unique_ptr<Listener> listener(new Listener(address));
  if (!address.is_unix()) {
    absl::StatusOr<std::vector<Descriptor>> reserved = address.Bind(address.port());
    if (!reserved.ok()) return reserved.status();
    listener->reserved_ = *std::move(reserved);
    listener->port_ = PortOf(listener->reserved_.front().get());
  }
  return listener;
}

std::string Listener::address() const {
  return address_.is_unix() ? address_.ToString() : address_.WithPort(port_);
}

absl::StatusOr<std::vector<Descriptor>> Listener::Open() {
  if (address_.is_unix()) return OpenUnix();
  absl::StatusOr<std::vector<Descriptor>> sockets = address_.Bind(port_);
  if (!sockets.ok()) return sockets.status();
  for (const Descriptor& each : *sockets) {
    if (listen(each.get(), SOMAXCONN) != 0) return Cannot(address_, errno);
  }
  return sockets;
}

absl::StatusOr<std::vector<Descriptor>> Listener::OpenUnix() {
  absl::StatusOr<UnixSocket> prepared = UnixSocket::Prepare(address_.path());
  if (!prepared.ok()) return prepared.status();
  const std::string path = prepared->bind_path();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  Descriptor descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(descriptor.get(), SOMAXCONN) != 0) {
    return Cannot(address_, errno);
  }
  const std::lock_guard lock(mutex_);
  if (removed_) return absl::CancelledError("the server is stopping");
  if (absl::Status status = prepared->Publish(); !status.ok()) return status;
  socket_.emplace(*std::move(prepared));
  std::vector<Descriptor> sockets;
  sockets.push_back(std::move(descriptor));
  return sockets;
}

void Listener::Remove() {
  const std::lock_guard lock(mutex_);
  removed_ = true;
  if (socket_.has_value()) socket_->Remove();
}

}  // namespace dispatchctl::mock
