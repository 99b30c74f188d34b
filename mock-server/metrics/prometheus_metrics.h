#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/observation/server_observer.h"

namespace dispatchctl::mock {

// What a server does, as metrics of Prometheus's. Those of calls have the names and labels that gRPC servers
// in Go have by go-grpc-prometheus, so that dashboards fit both, and besides the backend's index, `listen`.
// All series are there from the beginning. Thread-safe.
class PrometheusMetrics final : public ServerObserver {
 public:
  // `backends`: how many there will be. `version`: the program's.
  PrometheusMetrics(std::size_t backends, std::string_view version);
  ~PrometheusMetrics() override;

  // Serves the metrics by HTTP at /metrics of this address, host:port, for as long as this lives; port 0:
  // any free one. The address with the real port. INVALID_ARGUMENT: it is no such address; UNAVAILABLE: it
  // cannot be listened on. Once at most.
  absl::StatusOr<std::string> Expose(std::string_view address);

  // In Prometheus's text format.
  std::string Text() const;

  void CallStarted(Method method, std::size_t listen) override;
  void MessageReceived(Method method, std::size_t listen) override;
  void MessageSent(Method method, std::size_t listen) override;
  void CallEnded(const ObservedCall& call) override;
  void AssignmentDecided(const Decision& decision) override;
  void FaultMet(FaultKind kind) override;

 private:
  class Series;

  std::unique_ptr<Series> series_;
};

}  // namespace dispatchctl::mock
