#include "mock-server/server/admin_server.h"

#include <fmt/format.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include "mock-server/server/listen_address.h"

namespace dispatchctl::mock {
namespace {

constexpr std::chrono::milliseconds kGrace{500};
// Scenarios come in one message.
constexpr int kMaxRequestBytes = 16 * 1024 * 1024;

// Until it has been shut down.
void Drain(grpc::ServerCompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

bool EachServerPollsItsOwn() {
  const char* strategy = std::getenv("GRPC_POLL_STRATEGY");
  return strategy != nullptr && std::string_view(strategy).starts_with("poll");
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& address,
                                                                MockServer* server) {
  const absl::StatusOr<ListenAddress> listen = ListenAddress::Parse(address);
  if (!listen.ok()) {
    return absl::InvalidArgumentError(fmt::format("admin: {}", std::string(listen.status().message())));
  }
  std::unique_ptr<AdminServer> admin(new AdminServer(server));
  std::string target = listen->ToString();
  if (listen->is_unix()) {
    absl::StatusOr<UnixSocket> socket = UnixSocket::Prepare(listen->path());
    if (!socket.ok()) return socket.status();
    admin->socket_.emplace(*std::move(socket));
    target = "unix:" + admin->socket_->bind_path();
  } else if (absl::Status status = listen->CheckBindable(); !status.ok()) {
    return status;
  }

  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  int port = 0;
  builder.AddListeningPort(target, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&admin->service_);
  // With a queue that others are to poll, the threads of the service itself wait for calls and nothing else.
  admin->listening_queue_ = builder.AddCompletionQueue();
  admin->server_ = builder.BuildAndStart();
  if (admin->server_ == nullptr)
    return absl::UnavailableError(fmt::format("cannot listen on {}", listen->ToString()));
  if (EachServerPollsItsOwn())
    admin->poller_ = std::thread([queue = admin->listening_queue_.get()] { Drain(*queue); });
  admin->address_ = listen->is_unix() ? listen->ToString() : listen->WithPort(port);
  if (admin->socket_.has_value()) {
    if (absl::Status status = admin->socket_->Publish(); !status.ok()) return status;
  }
  return admin;
}

void AdminServer::RemoveSocket() {
  if (socket_.has_value()) socket_->Remove();
}

void AdminServer::Shutdown() {
  std::call_once(shutdown_, [this] {
    RemoveSocket();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kGrace);
    if (listening_queue_ == nullptr) return;
    listening_queue_->Shutdown();
    if (poller_.joinable()) {
      poller_.join();
    } else {
      Drain(*listening_queue_);
    }
  });
}

}  // namespace dispatchctl::mock
