#pragma once

#include "mock-server/adapter/call_front.h"
#include "mock-server/adapter/dispatch_adapter.h"
#include "mock-server/adapter/event_loop.h"
#include "mock-server/adapter/gateway_service.h"
#include "mock-server/domain/delay.h"

namespace dispatchctl::mock {

// Answers StreamAssignments on one event loop.
class AssignmentStreams {
 public:
  AssignmentStreams(GatewayService* service, EventLoop* loop, const DispatchAdapter* adapter, Delay delay,
                    Counters* counters, const CallFront* front);

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
  const CallFront* front_;
};

}  // namespace dispatchctl::mock
