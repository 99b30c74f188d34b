#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "mock-server/observation/server_observer.h"

namespace dispatchctl::mock {

// Tells an observer of one call.
class CallObservation {
 public:
  // The observer must outlive this.
  CallObservation(ServerObserver* observer, Method method, std::size_t listen,
                  const grpc::ServerContext& context);
  CallObservation(const CallObservation&) = delete;
  CallObservation& operator=(const CallObservation&) = delete;
  CallObservation(CallObservation&&) = delete;
  CallObservation& operator=(CallObservation&&) = delete;
  // A call that has not ended was cancelled.
  ~CallObservation() { Ended(grpc::Status::CANCELLED); }

  void Received() { observer_->MessageReceived(method_, listen_); }
  void Sent() { observer_->MessageSent(method_, listen_); }
  // The first one counts.
  void Ended(const grpc::Status& status);

 private:
  using Clock = std::chrono::steady_clock;

  ServerObserver* const observer_;
  const Method method_;
  const std::size_t listen_;
  const Clock::time_point started_;
  std::string peer_;
  std::string traceparent_;
  bool ended_ = false;
};

}  // namespace dispatchctl::mock
