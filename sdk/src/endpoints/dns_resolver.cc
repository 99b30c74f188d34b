#include "endpoints/dns_resolver.h"

#include <absl/strings/str_cat.h>
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "contract/text.h"
#include "endpoints/resolve_schedule.h"
#include "transport/background_thread.h"

namespace dispatchctl::internal {
namespace {

using Time = std::chrono::steady_clock::time_point;

// An event that poll can wait for.
class WakeUp {
 public:
  WakeUp() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~WakeUp() { close(fd_); }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  int fd() const { return fd_; }
  void Signal() const {
    const std::uint64_t one = 1;
    // Fails only when the counter is full: then it is signalled already.
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
  }

 private:
  const int fd_;
};

struct AresChannelDeleter {
  void operator()(ares_channel channel) const { ares_destroy(channel); }
};
using AresChannel = std::unique_ptr<std::remove_pointer_t<ares_channel>, AresChannelDeleter>;

std::string NumericHost(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes =
      address->sa_family == AF_INET6
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr)
          : static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
  return inet_ntop(address->sa_family, bytes, text.data(), text.size()) == nullptr ? "" : text.data();
}

// One name's way through c-ares.
struct Query {
  const HostAndPort& name;
  std::vector<EndpointAddress>& found;
  int status = ARES_ETIMEOUT;
  bool done = false;

  static void OnDone(void* self, int status, int /*timeouts*/, ares_addrinfo* result) {
    static_cast<Query*>(self)->Done(status, result);
  }

  void Done(int ended, ares_addrinfo* result) {
    done = true;
    status = ended;
    if (result == nullptr) return;
    for (const ares_addrinfo_node* node = result->nodes; node != nullptr; node = node->ai_next) {
      if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
      EndpointAddress endpoint{MakeIpAddress(NumericHost(node->ai_addr), name.port),
                               absl::StrCat(name.host, ":", name.port)};
      if (std::find(found.begin(), found.end(), endpoint) == found.end())
        found.push_back(std::move(endpoint));
    }
    ares_freeaddrinfo(result);
  }
};

// What the resolver's thread works on. It outlives the resolver when that is destroyed on this very thread.
class DnsWorker {
 public:
  DnsWorker(std::vector<HostAndPort> names, std::chrono::milliseconds timeout,
            std::chrono::milliseconds interval)
      : names_(std::move(names)), timeout_(timeout), schedule_(interval) {}

  void ResolveSoon() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      schedule_.OnRequest();
    }
    changed_.notify_all();
  }

  void Stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    wake_up_.Signal();
  }

  void Run(const Resolver::Listener& listener) {
    while (WaitUntilDue()) {
      absl::StatusOr<std::vector<EndpointAddress>> result = ResolveAll();
      if (stopped_) return;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        schedule_.OnResolved(result.ok(), std::chrono::steady_clock::now());
      }
      listener(std::move(result));
    }
  }

 private:
  // False: stopped.
  bool WaitUntilDue() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopped_ && std::chrono::steady_clock::now() < schedule_.next()) {
      changed_.wait_until(lock, schedule_.next());
    }
    return !stopped_;
  }

  absl::StatusOr<std::vector<EndpointAddress>> ResolveAll() {
    ares_options options{};
    options.timeout = static_cast<int>(std::max<std::int64_t>(timeout_.count() / 4, 100));
    options.tries = 2;
    ares_channel raw = nullptr;
    if (const int status = ares_init_options(&raw, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
        status != ARES_SUCCESS) {
      return absl::UnavailableError(absl::StrCat("cannot start the resolver: ", ares_strerror(status)));
    }
    const AresChannel channel(raw);

    std::vector<EndpointAddress> found;
    std::vector<Query> queries;
    queries.reserve(names_.size());
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    for (const HostAndPort& name : names_) {
      Query& query = queries.emplace_back(Query{name, found});
      ares_getaddrinfo(channel.get(), name.host.c_str(), nullptr, &hints, &Query::OnDone, &query);
    }
    const Time deadline = std::chrono::steady_clock::now() + timeout_;
    while (std::any_of(queries.begin(), queries.end(), [](const Query& query) { return !query.done; })) {
      if (!Wait(channel.get(), deadline)) break;
    }
    ares_cancel(channel.get());
    if (!found.empty()) return found;
    return Describe(queries.front());
  }

  // Lets c-ares work until something happened. False: time is up, or the resolver is going away.
  bool Wait(ares_channel channel, Time deadline) const {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const int wanted = ares_getsock(channel, sockets.data(), static_cast<int>(sockets.size()));
    std::vector<pollfd> fds{{wake_up_.fd(), POLLIN, 0}};
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      const bool readable = ARES_GETSOCK_READABLE(static_cast<unsigned>(wanted), i) != 0;
      const bool writable = ARES_GETSOCK_WRITABLE(static_cast<unsigned>(wanted), i) != 0;
      if (!readable && !writable) continue;
      fds.push_back({sockets[i], static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0)), 0});
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    timeval limit{left / 1000, (left % 1000) * 1000};
    timeval next{};
    const timeval* wait = ares_timeout(channel, &limit, &next);
    poll(fds.data(), fds.size(), static_cast<int>(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
    if (fds.front().revents != 0) return false;
    if (fds.size() == 1) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (std::size_t i = 1; i < fds.size(); ++i) {
      const bool readable = (fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
      const bool writable = (fds[i].revents & POLLOUT) != 0;
      ares_process_fd(channel, readable ? fds[i].fd : ARES_SOCKET_BAD,
                      writable ? fds[i].fd : ARES_SOCKET_BAD);
    }
    return true;
  }

  absl::Status Describe(const Query& query) const {
    std::string cause;
    switch (query.status) {
      case ARES_ENOTFOUND:
        cause = "no such host";
        break;
      case ARES_ENODATA:
        cause = "the name has no address";
        break;
      case ARES_ETIMEOUT:
      case ARES_ECANCELLED:
        cause = absl::StrCat("no answer from the name server within ", timeout_.count(), "ms");
        break;
      default:
        cause = ares_strerror(query.status);
    }
    return absl::UnavailableError(absl::StrCat("cannot resolve ", query.name.host, ": ", cause));
  }

  const std::vector<HostAndPort> names_;
  const std::chrono::milliseconds timeout_;
  const WakeUp wake_up_;
  std::mutex mutex_;
  std::condition_variable changed_;
  ResolveSchedule schedule_;
  std::atomic<bool> stopped_{false};
};

class DnsResolver final : public Resolver {
 public:
  explicit DnsResolver(std::shared_ptr<DnsWorker> worker) : worker_(std::move(worker)) {}

  ~DnsResolver() override {
    worker_->Stop();
    JoinOrDetach(thread_);
  }

  void Start(Listener listener) override {
    thread_ =
        StartBackgroundThread([worker = worker_, listener = std::move(listener)] { worker->Run(listener); });
  }

  void ResolveSoon() override { worker_->ResolveSoon(); }

 private:
  const std::shared_ptr<DnsWorker> worker_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Resolver> MakeDnsResolver(std::vector<HostAndPort> names, std::chrono::milliseconds timeout,
                                          std::chrono::milliseconds interval) {
  return std::make_unique<DnsResolver>(std::make_shared<DnsWorker>(std::move(names), timeout, interval));
}

}  // namespace dispatchctl::internal
