#pragma once

#include <atomic>
#include <cstdint>

#include "dispatchpb/dispatch.grpc.pb.h"

namespace dispatchctl::mock {

// Messages come and go as bytes (see codec.h), through a completion queue.
using GatewayService = dispatchpb::DispatchGateway::WithRawMethod_GetCourierStatus<
    dispatchpb::DispatchGateway::WithRawMethod_StreamAssignments<dispatchpb::DispatchGateway::Service>>;

struct Counters {
  std::atomic<std::uint64_t> lookups{0};
  std::atomic<std::uint64_t> streams{0};
  std::atomic<std::uint64_t> updates{0};
};

}  // namespace dispatchctl::mock
