#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/adapter/assignment_streams.h"
#include "mock-server/adapter/call_front.h"
#include "mock-server/adapter/dispatch_adapter.h"
#include "mock-server/adapter/event_loop.h"
#include "mock-server/adapter/gateway_service.h"
#include "mock-server/adapter/health_board.h"
#include "mock-server/adapter/lookup_calls.h"
#include "mock-server/adapter/reflection.h"
#include "mock-server/adapter/utility_calls.h"
#include "mock-server/domain/authenticator.h"
#include "mock-server/faults/relay.h"
#include "mock-server/server/listen_address.h"
#include "mock-server/server/listener.h"
#include "mock-server/server/mock_server.h"
#include "mock-server/server/unix_socket.h"
#include "mock-server/sessions/session_table.h"

namespace dispatchctl::mock {

// One gRPC server on one address, with its completion queues and their threads.
class Backend {
 public:
  // With a relay if `relayed`. `listen` is the backend's index, `seed` is for its delays. Sessions, health
  // and authenticator (null: none) must outlive the backend.
  static absl::StatusOr<std::unique_ptr<Backend>> Start(std::size_t listen, const ListenAddress& address,
                                                        const MockServerOptions& options, std::uint64_t seed,
                                                        SessionTable* sessions, const HealthBoard* health,
                                                        bool relayed,
                                                        std::shared_ptr<grpc::ServerCredentials> credentials,
                                                        Authenticator* authenticator);

  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  Backend(Backend&&) = delete;
  Backend& operator=(Backend&&) = delete;
  ~Backend() { Shutdown(std::chrono::milliseconds(0)); }

  const std::string& address() const { return address_; }
  const Counters& counters() const { return counters_; }

  // The faults have other rules.
  void FaultsChanged();

  // The health has changed.
  void HealthChanged();

  // Sends the clients of all open connections away; theirs is still to end. For a backend with a relay.
  void Goaway();

  // Removes the Unix socket's name, if it has one. Not while Shutdown() runs.
  void RemoveSocket();

  // Returns when the backend's last thread has ended.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  // What runs on one completion queue.
  struct Worker {
    Worker(Backend* backend, std::unique_ptr<grpc::ServerCompletionQueue> queue, const Delay& delay,
           const HealthBoard* health);

    EventLoop loop;
    LookupCalls lookups;
    AssignmentStreams streams;
    UtilityCalls utility;
    std::thread thread;
  };

  Backend() = default;

  std::string address_;
  Counters counters_;
  GatewayService service_;
  grpc::AsyncGenericService utility_service_;
  std::optional<Reflection> reflection_;
  std::optional<DispatchAdapter> adapter_;
  std::optional<CallFront> front_;
  // Without a relay, where the address is a Unix socket; with a relay, where clients come.
  std::optional<UnixSocket> socket_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Worker>> workers_;
  // gRPC asks them at each handshake, but does not keep them.
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Relay> relay_;
  std::once_flag shutdown_;
};

}  // namespace dispatchctl::mock
