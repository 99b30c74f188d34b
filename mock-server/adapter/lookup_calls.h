#pragma once

#include <memory>
#include <vector>

#include "mock-server/adapter/call_front.h"
#include "mock-server/adapter/dispatch_adapter.h"
#include "mock-server/adapter/event_loop.h"
#include "mock-server/adapter/gateway_service.h"
#include "mock-server/domain/delay.h"

namespace dispatchctl::mock {

// Answers GetCourierStatus on one event loop.
class LookupCalls {
 public:
  LookupCalls(GatewayService* service, EventLoop* loop, const DispatchAdapter* adapter, Delay delay,
              Counters* counters, const CallFront* front);
  LookupCalls(const LookupCalls&) = delete;
  LookupCalls& operator=(const LookupCalls&) = delete;
  LookupCalls(LookupCalls&&) = delete;
  LookupCalls& operator=(LookupCalls&&) = delete;
  ~LookupCalls();

  // On the loop's thread.
  void Start();

 private:
  class Call;

  // Each request that arrives posts the next one. More would cost: Debian's gRPC is built with assertions and
  // searches the list of outstanding tags at every completion.
  static constexpr int kPosted = 8;
  // More than these are given back to the heap after a burst.
  static constexpr std::size_t kMaxIdle = 1024;

  void Request();
  void Reuse(Call* call);

  GatewayService* service_;
  EventLoop* loop_;
  const DispatchAdapter* adapter_;
  Delay delay_;
  Counters* counters_;
  const CallFront* front_;
  // Those in use belong to gRPC until their last completion.
  std::vector<std::unique_ptr<Call>> idle_;
};

}  // namespace dispatchctl::mock
