#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "mock-server/server/admin_service.h"
#include "mock-server/server/unix_socket.h"

namespace dispatchctl::mock {

class MockServer;

// A gRPC server of its own for the admin service. Its threads never poll sockets: they would take events away
// from those of the mock's own servers, and with them a third of the lookups per second. Those poll the
// sockets of the whole process, so that this one answers for as long as one of them runs; but where gRPC was
// told to poll each server's sockets apart (GRPC_POLL_STRATEGY=poll), this one polls its own.
class AdminServer {
 public:
  // `address` as for --listen. The server must outlive this one. UNAVAILABLE: it cannot be listened on.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& address, MockServer* server);

  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  AdminServer(AdminServer&&) = delete;
  AdminServer& operator=(AdminServer&&) = delete;
  ~AdminServer() { Shutdown(); }

  // With the real port.
  const std::string& address() const { return address_; }

  void RemoveSocket();

  // Lets what is being answered end. Not from the service's own threads.
  void Shutdown();

 private:
  explicit AdminServer(MockServer* server) : service_(server) {}

  AdminService service_;
  std::string address_;
  std::optional<UnixSocket> socket_;
  // Nothing ever comes out of it.
  std::unique_ptr<grpc::ServerCompletionQueue> listening_queue_;
  std::thread poller_;
  std::unique_ptr<grpc::Server> server_;
  std::once_flag shutdown_;
};

}  // namespace dispatchctl::mock
