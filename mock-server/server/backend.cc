#include "mock-server/server/backend.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <random>
#include <utility>

namespace dispatchctl::mock {
namespace {

int Milliseconds(std::chrono::milliseconds duration) {
  return static_cast<int>(std::clamp<std::int64_t>(duration.count(), 1, std::numeric_limits<int>::max()));
}

void AddChannelArguments(const MockServerOptions& options, grpc::ServerBuilder& builder) {
  // Without this a taken port is shared instead of refused.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Milliseconds(options.keepalive_min));
  if (options.max_connection_age.count() > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(options.max_connection_age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               Milliseconds(options.max_connection_age_grace));
  }
  if (options.max_concurrent_streams > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
  }
}

// A name in the abstract namespace of Unix sockets: no file is left behind, however the process ends.
std::string PrivateName() {
  std::random_device random;
  return fmt::format("dispatch-mock.{}.{:08x}{:08x}", getpid(), random(), random());
}

Descriptor ConnectToPrivateName(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  Descriptor descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return {};
  fcntl(descriptor.get(), F_SETFL, O_NONBLOCK);
  return descriptor;
}

}  // namespace

Backend::Worker::Worker(Backend* backend, std::unique_ptr<grpc::ServerCompletionQueue> queue,
                        const Delay& delay, const HealthBoard* health)
    : loop(std::move(queue)),
      lookups(&backend->service_, &loop, &*backend->adapter_, delay, &backend->counters_, &*backend->front_),
      streams(&backend->service_, &loop, &*backend->adapter_, delay, &backend->counters_, &*backend->front_),
      utility(&backend->utility_service_, &loop,
              backend->reflection_.has_value() ? &*backend->reflection_ : nullptr, health) {}

absl::StatusOr<std::unique_ptr<Backend>> Backend::Start(std::size_t listen, const ListenAddress& address,
                                                        const MockServerOptions& options, std::uint64_t seed,
                                                        SessionTable* sessions, const HealthBoard* health,
                                                        bool relayed,
                                                        std::shared_ptr<grpc::ServerCredentials> credentials,
                                                        Authenticator* authenticator) {
  std::unique_ptr<Backend> backend(new Backend);
  std::string target = address.ToString();
  const std::string private_name = PrivateName();
  if (relayed) {
    absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Reserve(address);
    if (!listener.ok()) return listener.status();
    backend->listener_ = *std::move(listener);
    target = "unix-abstract:" + private_name;
  } else if (address.is_unix()) {
    absl::StatusOr<UnixSocket> socket = UnixSocket::Prepare(address.path());
    if (!socket.ok()) return socket.status();
    backend->socket_.emplace(*std::move(socket));
    target = "unix:" + backend->socket_->bind_path();
  } else if (absl::Status status = address.CheckBindable(); !status.ok()) {
    return status;
  }

  grpc::ServerBuilder builder;
  AddChannelArguments(options, builder);
  int port = 0;
  backend->credentials_ = std::move(credentials);
  builder.AddListeningPort(target, backend->credentials_, &port);
  builder.RegisterService(&backend->service_);
  builder.RegisterAsyncGenericService(&backend->utility_service_);
  if (options.reflection) backend->reflection_.emplace();
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (int i = 0; i < options.completion_queues; ++i) queues.push_back(builder.AddCompletionQueue());
  backend->server_ = builder.BuildAndStart();
  if (backend->server_ == nullptr) {
    for (const auto& queue : queues) queue->Shutdown();
    return absl::UnavailableError(fmt::format("cannot listen on {}", address.ToString()));
  }
  backend->address_ = relayed             ? backend->listener_->address()
                      : address.is_unix() ? address.ToString()
                                          : address.WithPort(port);
  backend->adapter_.emplace(backend->address_, authenticator);
  backend->front_.emplace(sessions, listen, options.metadata_faults, options.observer.get());
  for (auto& queue : queues) {
    const Delay delay(options.latency, options.jitter, seed++);
    backend->workers_.push_back(std::make_unique<Worker>(backend.get(), std::move(queue), delay, health));
  }
  for (const auto& each : backend->workers_) {
    Worker* worker = each.get();
    worker->thread = std::thread([worker] {
      worker->lookups.Start();
      worker->streams.Start();
      worker->utility.Start();
      worker->loop.Run();
    });
  }
  // Last, so that a client that finds the socket finds a server.
  if (backend->socket_.has_value()) {
    if (absl::Status status = backend->socket_->Publish(); !status.ok()) return status;
  }
  if (relayed) {
    absl::StatusOr<std::unique_ptr<Relay>> relay = Relay::Start(
        [listener = backend->listener_.get()] { return listener->Open(); },
        [private_name] { return ConnectToPrivateName(private_name); }, &sessions->unnamed().faults(), listen);
    if (!relay.ok()) return relay.status();
    backend->relay_ = *std::move(relay);
  }
  return backend;
}

void Backend::FaultsChanged() {
  if (relay_ != nullptr) relay_->RulesChanged();
}

void Backend::HealthChanged() {
  for (const auto& worker : workers_) worker->utility.HealthChanged();
}

void Backend::Goaway() {
  if (relay_ != nullptr) relay_->Goaway();
}

void Backend::RemoveSocket() {
  if (socket_.has_value()) socket_->Remove();
  if (listener_ != nullptr) listener_->Remove();
}

void Backend::Shutdown(std::chrono::milliseconds grace) {
  std::call_once(shutdown_, [this, grace] {
    RemoveSocket();
    if (relay_ != nullptr) relay_->StopAccepting();
    if (server_ == nullptr) return;
    for (const auto& worker : workers_) worker->utility.Drain();
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    // Only now: a queue must not shut down before its server, nor with calls left that would still use it.
    for (const auto& worker : workers_) worker->loop.Stop();
    for (const auto& worker : workers_) worker->thread.join();
    if (relay_ != nullptr) relay_->Stop();
  });
}

}  // namespace dispatchctl::mock
