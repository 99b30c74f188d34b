#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "call/call_registry.h"
#include "call/lookup_environment.h"
#include "dispatchctl/validation.h"
#include "endpoints/endpoint_pool.h"
#include "transport/loop_thread.h"

namespace dispatchctl::internal {

// What becomes of calls that are made after the client's shutdown.
inline absl::Status ShutDown() {
  return absl::CancelledError("the client has been shut down");
}

// What the calls of one client share; each call that runs on the client's own thread keeps it alive.
// Thread-safe.
class ClientCore {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ClientCore(Metadata default_metadata, const RetryThrottling& throttling, std::uint64_t seed)
      : lookups_(std::move(default_metadata), throttling, seed) {}

  ~ClientCore() {
    if (lookups_.pool != nullptr) lookups_.pool->Stop();
  }
  ClientCore(const ClientCore&) = delete;
  ClientCore& operator=(const ClientCore&) = delete;

  LookupEnvironment& lookups() { return lookups_; }

  // In wire form.
  const Metadata& default_metadata() const { return lookups_.default_metadata; }
  EndpointPool& pool() { return *lookups_.pool; }

  // Lookups whose callbacks end with the client.
  const std::shared_ptr<CallRegistry>& async_calls() const { return async_calls_; }
  // All others, which have an owner of their own.
  const std::shared_ptr<CallRegistry>& owned_calls() const { return owned_calls_; }

  // Run by the client's own thread, which starts when first asked for: a client of blocking calls needs none.
  EventLoop& loop() {
    std::call_once(thread_started_, [this] {
      thread_ = std::make_unique<LoopThread>();
      own_thread_.store(thread_->id());
    });
    return thread_->loop();
  }

  // Where connections are watched; a thread apart from that of the calls, as it dozes most of the time.
  EventLoop& watch_loop() {
    std::call_once(watch_started_, [this] {
      watch_thread_ = std::make_unique<LoopThread>([pool = std::weak_ptr<EndpointPool>(lookups_.pool)] {
        const std::shared_ptr<EndpointPool> watched = pool.lock();
        return watched == nullptr || !watched->IsConnecting();
      });
    });
    return watch_thread_->loop();
  }

  // True on the client's own thread, that is, inside a callback.
  bool IsOwnThread() const { return own_thread_.load() == std::this_thread::get_id(); }

  // Calls that have not ended by then are cancelled. Not on the client's own thread.
  absl::Status Shutdown(Time deadline);

 private:
  LookupEnvironment lookups_;
  const std::shared_ptr<CallRegistry> async_calls_ = std::make_shared<CallRegistry>();
  const std::shared_ptr<CallRegistry> owned_calls_ = std::make_shared<CallRegistry>();
  std::once_flag thread_started_;
  std::atomic<std::thread::id> own_thread_{};
  std::once_flag watch_started_;
  // Last: they end before what their callbacks use.
  std::unique_ptr<LoopThread> watch_thread_;
  std::unique_ptr<LoopThread> thread_;
};

}  // namespace dispatchctl::internal
