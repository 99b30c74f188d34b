#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "call/client_core.h"
#include "dispatchctl/client.h"
#include "transport/event_loop.h"

namespace dispatchctl::internal {

// The connection to a real service.
class ClientConnection final : public Connection {
 public:
  explicit ClientConnection(std::shared_ptr<ClientCore> core);
  ~ClientConnection() override;

  absl::StatusOr<CourierStatus> GetCourierStatus(std::string_view courier_id, const CallOptions& options,
                                                 CallReport* report) override;
  CallHandle GetCourierStatusAsync(std::string_view courier_id, const CallOptions& options,
                                   LookupCallback callback) override;
  absl::StatusOr<std::unique_ptr<BulkLookup>> StartBulkLookup(BulkLookupOptions options) override;
  absl::StatusOr<std::unique_ptr<AssignmentStream>> StreamAssignments(StreamOptions options) override;
  std::vector<EndpointStatus> Endpoints() override;
  absl::StatusOr<std::vector<EndpointHealth>> CheckHealth(const HealthOptions& options) override;
  absl::Status Shutdown(std::chrono::nanoseconds timeout) override;

 private:
  // Loops of blocking calls that have ended: a new completion queue costs more than a call's bookkeeping.
  std::unique_ptr<EventLoop> TakeLoop();
  void ReturnLoop(std::unique_ptr<EventLoop> loop);

  const std::shared_ptr<ClientCore> core_;
  std::mutex loops_mutex_;
  std::vector<std::unique_ptr<EventLoop>> idle_loops_;
};

}  // namespace dispatchctl::internal
