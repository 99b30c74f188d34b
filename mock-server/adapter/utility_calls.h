#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>

#include <memory>
#include <set>

#include "mock-server/adapter/event_loop.h"
#include "mock-server/adapter/health_board.h"
#include "mock-server/adapter/reflection.h"

namespace dispatchctl::mock {

// Health and reflection, and UNIMPLEMENTED for whatever else is called. gRPC's own implementations of the two
// poll with threads of their own, which take the sockets' events away from the event loop and halve the
// lookups per second.
class UtilityCalls {
 public:
  // `reflection` may be null: then there is none. The board must outlive the calls.
  UtilityCalls(grpc::AsyncGenericService* service, EventLoop* loop, const Reflection* reflection,
               const HealthBoard* board);
  UtilityCalls(const UtilityCalls&) = delete;
  UtilityCalls& operator=(const UtilityCalls&) = delete;
  UtilityCalls(UtilityCalls&&) = delete;
  UtilityCalls& operator=(UtilityCalls&&) = delete;
  ~UtilityCalls() = default;

  // On the loop's thread.
  void Start();

  // From any thread, when the board has changed: tells those who watch.
  void HealthChanged();

  // From any thread, once: turns the health to NOT_SERVING and ends its watches, which would outlast any
  // grace.
  void Drain();

 private:
  class Call;

  static constexpr int kPosted = 2;

  void Request();
  void OnDrain(bool ok);

  grpc::AsyncGenericService* service_;
  EventLoop* loop_;
  const Reflection* reflection_;
  const HealthBoard* board_;
  bool draining_ = false;
  std::set<Call*> watches_;
  Tag<UtilityCalls, &UtilityCalls::OnDrain> drain_tag_{this};
  grpc::Alarm drain_alarm_;
};

}  // namespace dispatchctl::mock
