#include "mock-server/faults/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "mock-server/faults/goaway_injector.h"

namespace dispatchctl::mock {
namespace {

// Read but not yet written, in each direction; a reader that does not read stops the writer.
constexpr std::size_t kMaxWaiting = 64 * 1024;
constexpr std::size_t kChunk = 16 * 1024;
// As a frame header such bytes mean one longer than any may be, which ends an HTTP/2 connection. Enough of
// them get beyond the payload they may begin in.
constexpr char kGarbage = '\xff';
constexpr std::size_t kGarbageSize = 64 * 1024;
// After a listener could not be opened or a client not be accepted.
constexpr std::chrono::milliseconds kRetryDelay{100};
constexpr std::chrono::milliseconds kDripInterval{10};
// What a server that has ended said last may still go to its clients, for so long.
constexpr std::chrono::milliseconds kLastWords{1000};

// The client gets a reset instead of an orderly end.
void ResetOnClose(int descriptor) {
  const linger option{1, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

bool IsTransient(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

// Lets through so many bytes per second, in small portions.
class Relay::Drip {
 public:
  using Clock = std::chrono::steady_clock;

  Drip(std::uint64_t bytes_per_second, Clock::time_point now)
      : rate_(static_cast<double>(bytes_per_second)), most_(std::max(1.0, rate_ / 10)), filled_(now) {}

  std::size_t Allowed(Clock::time_point now) {
    const std::chrono::duration<double> elapsed = now - filled_;
    allowance_ = std::min(most_, allowance_ + rate_ * elapsed.count());
    filled_ = now;
    return static_cast<std::size_t>(allowance_);
  }
  void Spend(std::size_t bytes) { allowance_ -= static_cast<double>(bytes); }
  Clock::time_point Next(Clock::time_point now) const {
    const std::chrono::duration<double> one_byte(std::max(0.0, 1 - allowance_) / rate_);
    return now + std::max<Clock::duration>(std::chrono::ceil<Clock::duration>(one_byte), kDripInterval);
  }

 private:
  double rate_;
  double most_;
  double allowance_ = 0;
  Clock::time_point filled_;
};

// A client's connection and the one to the server behind.
class Relay::Connection {
 public:
  Connection(Descriptor client, Descriptor server, std::unique_ptr<ConnectionFaults> faults,
             Clock::time_point now)
      : client_(std::move(client)), server_(std::move(server)) {
    Meet(std::move(faults), now);
  }

  bool over() const { return over_; }
  // Whether all that the server said has gone out, as far as it is to.
  bool delivered() const { return over_ || swallowing_ || drip_.has_value() || to_client_.shut; }

  // Other faults instead of those so far. What is swallowed already stays so.
  void Meet(std::unique_ptr<ConnectionFaults> faults, Clock::time_point now) {
    if (swallowing_) return;
    faults_ = std::move(faults);
    drip_.reset();
    goaway_.set_after(faults_ == nullptr ? 0 : faults_->goaway_after);
    goaway_.InjectIfDue(to_client_.waiting);
    if (faults_ != nullptr && faults_->drip.has_value()) drip_.emplace(*faults_->drip, now);
    CheckLimits();
  }

  void Goaway() {
    if (swallowing_ || spoiled_) return;
    goaway_.Demand();
    goaway_.InjectIfDue(to_client_.waiting);
  }

  // What to wait for on each socket. `wake` becomes earlier when there is something to do without an event.
  short ClientEvents(Clock::time_point now, Clock::time_point& wake) {
    short events = ReadEvents(to_server_);
    if (!to_client_.waiting.empty()) {
      if (!drip_.has_value() || drip_->Allowed(now) > 0) {
        events = static_cast<short>(events | POLLOUT);
      } else {
        wake = std::min(wake, drip_->Next(now));
      }
    }
    return events;
  }
  short ServerEvents() const {
    return static_cast<short>(ReadEvents(to_client_) | (to_server_.waiting.empty() ? 0 : POLLOUT));
  }
  // Negative: nothing to wait for. A socket both of whose ways have ended would be reported over and over.
  int client() const { return client_.get(); }
  int server() const {
    const bool nothing_to_do = to_client_.ended && to_server_.waiting.empty();
    return swallowing_ || nothing_to_do ? -1 : server_.get();
  }

  void OnEvents(short client, short server, Clock::time_point now) {
    if ((client & (POLLHUP | POLLERR)) != 0 && to_server_.ended) over_ = true;
    if ((client & (POLLIN | POLLHUP | POLLERR)) != 0) Read(client_.get(), to_server_);
    if ((server & (POLLIN | POLLHUP | POLLERR)) != 0) Read(server_.get(), to_client_);
    if (!over_) Write(to_server_, server_.get(), to_server_.waiting.size());
    if (!over_) {
      const std::size_t size = to_client_.waiting.size();
      const std::size_t written =
          Write(to_client_, client_.get(), drip_.has_value() ? std::min(size, drip_->Allowed(now)) : size);
      if (drip_.has_value()) drip_->Spend(written);
    }
    if (swallowing_) {
      over_ = over_ || to_server_.ended;
    } else {
      CheckLimits();
      // Not before the client has closed too: unread bytes of its own would turn the end into a reset.
      over_ = over_ || (to_client_.shut && to_server_.ended);
    }
  }

 private:
  struct Direction {
    std::string waiting;
    // The source has no more; the sink has been told.
    bool ended = false;
    bool shut = false;
    std::uint64_t passed = 0;
  };

  static short ReadEvents(const Direction& direction) {
    return !direction.ended && direction.waiting.size() < kMaxWaiting ? POLLIN : 0;
  }

  std::uint64_t Passed() const { return to_server_.passed + to_client_.passed; }

  // How much more may pass before something ends it.
  std::uint64_t Left() const {
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    if (faults_ != nullptr) {
      limit = std::min(faults_->reset_after.value_or(limit), faults_->blackhole_after.value_or(limit));
    }
    return limit - std::min(limit, Passed());
  }

  void CheckLimits() {
    if (faults_ == nullptr || Left() > 0) return;
    if (faults_->blackhole_after.has_value() &&
        *faults_->blackhole_after <= faults_->reset_after.value_or(*faults_->blackhole_after)) {
      swallowing_ = true;
      to_client_.waiting.clear();
      to_server_.waiting.clear();
    } else if (to_client_.waiting.empty() && to_server_.waiting.empty()) {
      ResetOnClose(client_.get());
      over_ = true;
    }
  }

  void Read(int source, Direction& direction) {
    if (over_ || direction.ended) return;
    char bytes[kChunk];
    const ssize_t size = recv(source, bytes, sizeof bytes, 0);
    if (size < 0 && IsTransient(errno)) return;
    if (size < 0 && source == client_.get()) {
      over_ = true;
    } else if (size <= 0) {
      // A server that closes without having read all is an error here; what it said before still goes to the
      // client.
      direction.ended = true;
    } else if (!swallowing_ && !direction.shut) {
      Pass({bytes, static_cast<std::size_t>(size)}, direction);
    }
  }

  void Pass(std::string_view bytes, Direction& direction) {
    bytes = bytes.substr(0, std::min<std::uint64_t>(Left(), bytes.size()));
    const std::uint64_t before = direction.passed;
    direction.passed += bytes.size();
    if (&direction == &to_server_) {
      direction.waiting += bytes;
      return;
    }
    const std::uint64_t good = faults_ != nullptr && !spoiled_ && faults_->bad_bytes_after.has_value()
                                   ? *faults_->bad_bytes_after
                                   : std::numeric_limits<std::uint64_t>::max();
    if (!spoiled_ && direction.passed >= good) {
      spoiled_ = true;
      const std::uint64_t head = good - std::min(before, good);
      goaway_.Pass(bytes.substr(0, head), direction.waiting);
      direction.waiting.append(kGarbageSize, kGarbage);
      bytes.remove_prefix(head);
    }
    if (spoiled_) {
      direction.waiting.append(bytes.size(), kGarbage);
      return;
    }
    goaway_.Pass(bytes, direction.waiting);
  }

  std::size_t Write(Direction& direction, int sink, std::size_t size) {
    if (direction.shut) return 0;
    std::size_t written = 0;
    if (size > 0) {
      const ssize_t sent = send(sink, direction.waiting.data(), size, MSG_NOSIGNAL);
      if (sent < 0 && !IsTransient(errno)) {
        // The server's last words still go to the client.
        if (sink == server_.get()) {
          direction.waiting.clear();
          direction.shut = true;
        } else {
          over_ = true;
        }
        return 0;
      }
      written = sent < 0 ? 0 : static_cast<std::size_t>(sent);
      direction.waiting.erase(0, written);
    }
    if (direction.ended && direction.waiting.empty() && !swallowing_) {
      direction.shut = true;
      shutdown(sink, SHUT_WR);
    }
    return written;
  }

  Descriptor client_;
  Descriptor server_;
  std::unique_ptr<ConnectionFaults> faults_;
  std::optional<Drip> drip_;
  GoawayInjector goaway_;
  Direction to_server_;
  Direction to_client_;
  bool swallowing_ = false;
  bool spoiled_ = false;
  bool over_ = false;
};

absl::StatusOr<std::unique_ptr<Relay>> Relay::Start(Open open, Connect connect, FaultEngine* faults,
                                                    std::size_t listen) {
  std::unique_ptr<Relay> relay(new Relay(std::move(open), std::move(connect), faults, listen));
  absl::StatusOr<std::vector<Descriptor>> listeners = relay->open_();
  if (!listeners.ok()) return listeners.status();
  relay->listeners_ = *std::move(listeners);
  relay->OpenOrCloseListeners(Clock::now());
  relay->thread_ = std::thread([self = relay.get()] { self->Run(); });
  return relay;
}

Relay::Relay(Open open, Connect connect, FaultEngine* faults, std::size_t listen)
    : open_(std::move(open)),
      connect_(std::move(connect)),
      faults_(faults),
      listen_(listen),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Relay::~Relay() {
  Stop();
}

void Relay::Stop() {
  stop_ = true;
  Wake();
  if (thread_.joinable()) thread_.join();
  listeners_.clear();
  connections_.clear();
}

void Relay::RulesChanged() {
  rules_changed_ = true;
  Wake();
}

void Relay::Goaway() {
  goaway_ = true;
  Wake();
}

void Relay::StopAccepting() {
  accepting_ = false;
  Wake();
}

void Relay::Wake() {
  eventfd_write(wake_.get(), 1);
}

void Relay::Run() {
  std::vector<pollfd> polled;
  std::optional<Clock::time_point> last;
  for (;;) {
    Clock::time_point now = Clock::now();
    if (stop_) {
      if (!last.has_value()) last = now + kLastWords;
      const bool delivered = std::all_of(connections_.begin(), connections_.end(),
                                         [](const auto& connection) { return connection->delivered(); });
      if (delivered || now >= *last) return;
    }
    if (rules_changed_.exchange(false)) {
      for (const auto& connection : connections_) connection->Meet(faults_->OnConnection(listen_), now);
      std::erase_if(connections_, [](const auto& connection) { return connection->over(); });
    }
    if (goaway_.exchange(false)) {
      for (const auto& connection : connections_) connection->Goaway();
    }
    OpenOrCloseListeners(now);

    Clock::time_point wake = last.value_or(Clock::time_point::max());
    if (retry_ > now) wake = std::min(wake, retry_);
    polled.clear();
    polled.push_back({wake_.get(), POLLIN, 0});
    for (const Descriptor& listener : listeners_)
      polled.push_back({retry_ > now ? -1 : listener.get(), POLLIN, 0});
    for (const auto& connection : connections_) {
      polled.push_back({connection->client(), connection->ClientEvents(now, wake), 0});
      polled.push_back({connection->server(), connection->ServerEvents(), 0});
    }
    int timeout = -1;
    if (wake != Clock::time_point::max()) {
      timeout = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wake - now).count());
    }
    if (poll(polled.data(), polled.size(), timeout) < 0) continue;

    now = Clock::now();
    eventfd_t ignored = 0;
    if (polled[0].revents != 0) eventfd_read(wake_.get(), &ignored);
    const std::size_t first = 1 + listeners_.size();
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connections_[i]->OnEvents(polled[first + 2 * i].revents, polled[first + 2 * i + 1].revents, now);
    }
    std::erase_if(connections_, [](const auto& connection) { return connection->over(); });
    for (std::size_t i = 1; i < first && !listeners_.empty(); ++i) {
      if (polled[i].revents != 0) Accept(polled[i].fd, now);
    }
  }
}

void Relay::OpenOrCloseListeners(Clock::time_point now) {
  if (!accepting_ || faults_->RefusesConnections(listen_)) {
    listeners_.clear();
  } else if (listeners_.empty() && retry_ <= now) {
    absl::StatusOr<std::vector<Descriptor>> listeners = open_();
    if (listeners.ok()) {
      listeners_ = *std::move(listeners);
    } else {
      retry_ = now + kRetryDelay;
    }
  }
}

void Relay::Accept(int listener, Clock::time_point now) {
  Descriptor client(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!client.valid()) {
    // Out of descriptors, say: whoever waits is still there later.
    if (!IsTransient(errno) && errno != ECONNABORTED) retry_ = now + kRetryDelay;
    return;
  }
  std::unique_ptr<ConnectionFaults> faults = faults_->OnConnection(listen_);
  if (faults != nullptr && faults->refuse) return ResetOnClose(client.get());
  Descriptor server = connect_();
  if (!server.valid()) return ResetOnClose(client.get());
  connections_.push_back(
      std::make_unique<Connection>(std::move(client), std::move(server), std::move(faults), now));
  // After a refuse rule's last connection no other may slip in.
  OpenOrCloseListeners(now);
}

}  // namespace dispatchctl::mock
