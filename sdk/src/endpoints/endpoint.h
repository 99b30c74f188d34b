#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "dispatchctl/endpoint_status.h"
#include "endpoints/circuit_breaker.h"
#include "endpoints/latency_tracker.h"
#include "endpoints/target.h"
#include "transport/channel.h"

namespace dispatchctl::internal {

// One address: the connections to it, its breaker, and what attempts on it have come to. Thread-safe.
class Endpoint {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Endpoint(EndpointAddress address, ChannelFactory& factory, std::unique_ptr<CircuitBreaker> breaker);

  const EndpointAddress& address() const { return address_; }
  const std::string& name() const { return address_.address.name; }
  CircuitBreaker& breaker() { return *breaker_; }
  const CircuitBreaker& breaker() const { return *breaker_; }
  const LatencyTracker& latency() const { return latency_; }

  // The connection is made when first asked for.
  Channel& channel(ChannelUse use);

  // The lookups' connection as last seen.
  Connectivity connectivity() const { return connectivity_.load(std::memory_order_relaxed); }

  // Looks at the connection, and has it made if it is idle. True: it is not as it was.
  bool UpdateConnectivity();

  void OnAttemptStarted() { in_flight_.fetch_add(1, std::memory_order_relaxed); }

  // `elapsed`: of an attempt whose time says something of the endpoint.
  void OnAttemptDone(Verdict verdict, const absl::Status& status,
                     std::optional<std::chrono::nanoseconds> elapsed);

  std::uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

  // While it is much slower than others, an endpoint gets one attempt in a while, as a probe; a few in a row
  // that take no longer than `fast_enough` end that.
  bool slow() const { return slow_.load(std::memory_order_relaxed); }
  void MarkSlow(std::chrono::nanoseconds fast_enough);
  // True for one caller, when a probe is due.
  bool TakeProbe(Time now);

  std::string last_error() const;
  EndpointStatus Describe(Time now);

 private:
  static constexpr std::chrono::seconds kProbeInterval{1};
  static constexpr int kFastProbesToRecover = 3;

  void CountProbe(std::optional<std::chrono::nanoseconds> elapsed);

  const EndpointAddress address_;
  ChannelFactory& factory_;
  const std::unique_ptr<CircuitBreaker> breaker_;

  std::once_flag lookups_made_;
  std::unique_ptr<Channel> lookups_;
  std::once_flag streams_made_;
  std::unique_ptr<Channel> streams_;

  std::mutex connectivity_mutex_;  // keeps looking and storing together
  std::atomic<Connectivity> connectivity_{Connectivity::kIdle};
  std::atomic<bool> slow_{false};

  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<std::uint64_t> successes_{0};
  std::atomic<std::uint64_t> failures_{0};
  LatencyTracker latency_;

  std::atomic<Time::rep> next_probe_{0};

  mutable std::mutex mutex_;  // guards all below
  std::string last_error_;
  std::chrono::nanoseconds fast_enough_{0};
  int fast_probes_ = 0;
};

}  // namespace dispatchctl::internal
