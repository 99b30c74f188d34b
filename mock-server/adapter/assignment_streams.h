#pragma once

#include "mock-server/adapter/dispatch_adapter.h"
#include "mock-server/adapter/event_loop.h"
#include "mock-server/adapter/gateway_service.h"
#include "mock-server/domain/delay.h"
#include "mock-server/faults/fault_engine.h"

namespace dispatchctl::mock {

// Answers StreamAssignments on one event loop. `listen` is the backend's index, as the faults' rules have it.
class AssignmentStreams {
 public:
  AssignmentStreams(GatewayService* service, EventLoop* loop, const DispatchAdapter* adapter, Delay delay,
                    Counters* counters, FaultEngine* faults, std::size_t listen);

  // On the loop's thread.
  void Start();

 private:
  class Stream;

  static constexpr int kPosted = 2;

  void Request();

  GatewayService* service_;
  EventLoop* loop_;
  const DispatchAdapter* adapter_;
  Delay delay_;
  Counters* counters_;
  FaultEngine* faults_;
  std::size_t listen_;
};

}  // namespace dispatchctl::mock
