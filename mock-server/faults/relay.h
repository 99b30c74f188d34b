#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/faults/descriptor.h"
#include "mock-server/faults/fault_engine.h"

namespace dispatchctl::mock {

// Stands in front of a server and does to its connections what the faults say: it knows bytes, and of HTTP/2
// no more than a GOAWAY takes. Serves all connections on one thread of its own.
class Relay {
 public:
  // Opens the sockets that clients connect to, all listening and non-blocking; again each time after they
  // were closed to refuse clients.
  using Open = std::function<absl::StatusOr<std::vector<Descriptor>>()>;
  // Connects to the server behind, which is at hand.
  using Connect = std::function<Descriptor()>;

  // Listens at once. `listen` is the backend's index, as the faults' rules have it. The engine must outlive
  // the relay.
  static absl::StatusOr<std::unique_ptr<Relay>> Start(Open open, Connect connect, FaultEngine* faults,
                                                      std::size_t listen);

  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  Relay(Relay&&) = delete;
  Relay& operator=(Relay&&) = delete;
  ~Relay();

  // From any thread, when the engine has other rules: open connections meet them, too.
  void RulesChanged();

  // From any thread: every open connection gets a GOAWAY, once.
  void Goaway();

  // From any thread: clients are refused from now on, until the end.
  void StopAccepting();

  // Ends the connections that are left, and all else. Returns when nothing runs any more; not for two threads
  // at once.
  void Stop();

 private:
  class Connection;
  class Drip;
  using Clock = std::chrono::steady_clock;

  Relay(Open open, Connect connect, FaultEngine* faults, std::size_t listen);

  void Run();
  void Wake();
  void OpenOrCloseListeners(Clock::time_point now);
  void Accept(int listener, Clock::time_point now);

  const Open open_;
  const Connect connect_;
  FaultEngine* const faults_;
  const std::size_t listen_;
  Descriptor wake_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> accepting_{true};
  std::atomic<bool> rules_changed_{false};
  std::atomic<bool> goaway_{false};
  // From here on for the thread alone.
  std::vector<Descriptor> listeners_;
  Clock::time_point retry_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::thread thread_;
};

}  // namespace dispatchctl::mock
