#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "dispatchctl/endpoint_status.h"
#include "endpoints/circuit_breaker.h"
#include "endpoints/latency_tracker.h"
#include "endpoints/reconnect_schedule.h"
#include "endpoints/target.h"
#include "observe/observation.h"
#include "transport/channel.h"

namespace dispatchctl::internal {

// One address: the connections to it, its breaker, and what attempts on it have come to. Thread-safe.
class Endpoint {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `observation` may be null.
  Endpoint(EndpointAddress address, ChannelFactory& factory, std::unique_ptr<CircuitBreaker> breaker,
           std::shared_ptr<Observation> observation = nullptr);

  const EndpointAddress& address() const { return address_; }
  const std::string& name() const { return address_.address.name; }
  CircuitBreaker& breaker() { return *breaker_; }
  const CircuitBreaker& breaker() const { return *breaker_; }
  const LatencyTracker& latency() const { return latency_; }

  // The connection is made when first asked for.
  Channel& channel(ChannelUse use);

  // The lookups' connection as last seen.
  Connectivity connectivity() const { return connectivity_.load(std::memory_order_relaxed); }

  // Looks at the connection, and has it made if it is idle and due. `unit_random`: 0 to 1. True: it is not as
  // it was.
  bool UpdateConnectivity(Time now, double unit_random);

  // When UpdateConnectivity should look again, since the connection was lost and is not to be made before.
  std::optional<Time> reconnect_due() const;

  // Has the connection made at once, as a call has no other; not where the last ones did not last.
  void Connect();

  // It is no longer among the pool's: nothing more is noted of its connection.
  void OnRemoved();

  void OnAttemptStarted() { in_flight_.fetch_add(1, std::memory_order_relaxed); }

  // How an attempt on it has ended.
  struct AttemptOutcome {
    Verdict verdict = Verdict::kExcluded;
    absl::Status status = absl::OkStatus();
    std::chrono::nanoseconds elapsed{0};
    bool answered = false;   // the time says how fast the endpoint is
    bool overtaken = false;  // it was cancelled since a hedge had answered
  };
  void OnAttemptDone(const AttemptOutcome& outcome);

  // An attempt that began at `attempt_started` has lost its connection. True for the first one to tell: one
  // broken connection is one failure, however many attempts end with it.
  bool CountConnectionLoss(Time attempt_started, Time now);

  std::uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

  // Slow: its attempts take much longer than what most endpoints need, or are overtaken, time and again. It
  // then gets one in a while, as a probe, until a few in a row are no slower than others'.
  bool slow() const { return slow_.load(std::memory_order_relaxed); }
  // True for one caller, when a probe is due.
  bool TakeProbe(Time now);
  // What most endpoints' attempts stay below.
  void set_usual_latency(std::chrono::nanoseconds usual) {
    usual_.store(usual.count(), std::memory_order_relaxed);
  }

  std::string last_error() const;
  EndpointStatus Describe(Time now) const;

 private:
  static constexpr std::chrono::seconds kProbeInterval{1};
  static constexpr int kFastProbesToRecover = 3;
  static constexpr int kSlowSignsToTell = 5;  // more than there are fast ones
  static constexpr int kSlowFactor = 3;

  void JudgeLatency(const AttemptOutcome& outcome);

  const EndpointAddress address_;
  ChannelFactory& factory_;
  const std::unique_ptr<CircuitBreaker> breaker_;
  const std::shared_ptr<Observation> observation_;

  std::once_flag lookups_made_;
  std::unique_ptr<Channel> lookups_;
  std::once_flag streams_made_;
  std::unique_ptr<Channel> streams_;

  mutable std::mutex connectivity_mutex_;  // keeps looking, storing and noting together
  bool removed_ = false;                   // guarded by it
  ReconnectSchedule reconnect_schedule_;   // guarded by it
  std::atomic<Connectivity> connectivity_{Connectivity::kIdle};
  std::atomic<bool> slow_{false};

  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<std::uint64_t> successes_{0};
  std::atomic<std::uint64_t> failures_{0};
  LatencyTracker latency_;

  std::atomic<Time::rep> next_probe_{0};
  std::atomic<std::int64_t> usual_{0};  // nanoseconds; 0: unknown
  std::atomic<int> slow_signs_{0};
  std::atomic<int> fast_probes_{0};
  std::atomic<Time::rep> last_loss_{std::numeric_limits<Time::rep>::min()};

  mutable std::mutex error_mutex_;
  std::string last_error_;
};

}  // namespace dispatchctl::internal
