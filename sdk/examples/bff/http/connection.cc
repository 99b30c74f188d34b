#include "http/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace bff {
namespace {

using std::chrono::milliseconds;

// As poll, but goes on after a signal. -1: for as long as it takes.
template <std::size_t N>
int Poll(std::array<pollfd, N>& sockets, int timeout_ms) {
  int ready = 0;
  do {
    ready = ::poll(sockets.data(), sockets.size(), timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready;
}

int Milliseconds(std::optional<Connection::Clock::time_point> deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<milliseconds>(*deadline - Connection::Clock::now());
  return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 1 << 30));
}

void Set(int socket, int level, int option, int value) {
  // An option that cannot be set is not worth the connection: it may be no TCP.
  (void)::setsockopt(socket, level, option, &value, sizeof value);
}

void Describe(int (*name_of)(int, sockaddr*, socklen_t*), int socket, std::string& ip, int& port) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (name_of(socket, generic, &size) != 0 ||
      ::getnameinfo(generic, size, host.data(), host.size(), service.data(), service.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  ip = host.data();
  const std::string_view digits = service.data();
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
}

}  // namespace

Connection::Connection(int socket, milliseconds write_timeout)
    : socket_(socket), wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), write_timeout_(write_timeout) {
  // A client that vanished without a word is noticed after a minute and a half.
  Set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 45);
  Set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 15);
  Set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
  // Each result is on its way at once.
  Set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
}

Connection::~Connection() {
  ::close(socket_);
  if (wakeup_ >= 0) ::close(wakeup_);
}

bool Connection::is_readable() const {
  if (begin_ < end_) return true;
  std::array<pollfd, 1> sockets{{{socket_, POLLIN, 0}}};
  return Poll(sockets, Milliseconds(read_deadline_)) > 0;
}

bool Connection::is_writable() const {
  std::array<pollfd, 1> sockets{{{socket_, POLLOUT, 0}}};
  return Poll(sockets, static_cast<int>(write_timeout_.count())) > 0 &&
         (sockets[0].revents & (POLLERR | POLLHUP)) == 0;
}

ssize_t Connection::read(char* target, size_t size) {
  if (begin_ == end_) {
    if (const ssize_t filled = Fill(); filled <= 0) return filled;
  }
  std::size_t taken = std::min(size, end_ - begin_);
  if (read_limit_) {
    taken = std::min(taken, *read_limit_);
    if (taken == 0) return -1;
    *read_limit_ -= taken;
  }
  std::memcpy(target, buffer_.data() + begin_, taken);
  begin_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t Connection::Fill() {
  for (;;) {
    if (input_ended()) return -1;
    std::array<pollfd, 2> sockets{{{socket_, POLLIN, 0}, {wakeup_, POLLIN, 0}}};
    if (Poll(sockets, Milliseconds(read_deadline_)) <= 0) return -1;
    if (sockets[1].revents != 0) {
      ClearWakeup();
      continue;
    }
    const ssize_t received = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (received > 0) {
      begin_ = 0;
      end_ = static_cast<std::size_t>(received);
    }
    return received;
  }
}

ssize_t Connection::write(const char* source, size_t size) {
  for (;;) {
    const ssize_t sent = ::send(socket_, source, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    // Abort shuts the socket down, which ends this too.
    std::array<pollfd, 1> sockets{{{socket_, POLLOUT, 0}}};
    if (Poll(sockets, static_cast<int>(write_timeout_.count())) <= 0) return -1;
  }
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  Describe(::getpeername, socket_, ip, port);
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  Describe(::getsockname, socket_, ip, port);
}

bool Connection::Wait() {
  if (aborted_) return false;
  // POLLIN is not asked for: what comes after a request waits for its turn.
  std::array<pollfd, 2> sockets{{{socket_, POLLRDHUP, 0}, {wakeup_, POLLIN, 0}}};
  if (Poll(sockets, -1) <= 0) return false;
  if (sockets[1].revents != 0) ClearWakeup();
  return !aborted_ && sockets[0].revents == 0;
}

void Connection::Wake() {
  const std::uint64_t one = 1;
  // It fails only when 2^64-2 wake-ups are waiting, which wake as well as one more.
  (void)!::write(wakeup_, &one, sizeof one);
}

void Connection::ClearWakeup() {
  std::uint64_t count = 0;
  (void)!::read(wakeup_, &count, sizeof count);
}

void Connection::StopInput() {
  input_stopped_ = true;
  Wake();
}

void Connection::Drain() {
  draining_ = true;
  Wake();
}

void Connection::Abort() {
  aborted_ = true;
  ::shutdown(socket_, SHUT_RDWR);
  Wake();
}

bool Connection::AwaitRequest(milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  for (;;) {
    if (input_ended()) return false;
    if (begin_ < end_) return true;
    std::array<pollfd, 2> sockets{{{socket_, POLLIN, 0}, {wakeup_, POLLIN, 0}}};
    if (Poll(sockets, Milliseconds(deadline)) <= 0) return false;
    if (sockets[1].revents == 0) return true;
    ClearWakeup();
  }
}

void Connection::Linger(milliseconds timeout) {
  if (aborted_) return;
  ::shutdown(socket_, SHUT_WR);
  const Clock::time_point deadline = Clock::now() + timeout;
  std::array<pollfd, 1> sockets{{{socket_, POLLIN, 0}}};
  while (!aborted_ && Poll(sockets, Milliseconds(deadline)) > 0) {
    const ssize_t received = ::recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR)) return;
  }
}

}  // namespace bff
