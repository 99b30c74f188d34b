#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "dispatchctl/validation.h"
#include "endpoints/endpoint_pool.h"
#include "transport/loop_thread.h"

namespace dispatchctl::internal {

// What the calls of one client share; each call that runs on the client's own thread keeps it alive.
// Thread-safe.
class ClientCore {
 public:
  ClientCore(Metadata default_metadata, std::unique_ptr<EndpointPool> pool)
      : default_metadata_(std::move(default_metadata)), pool_(std::move(pool)) {}

  // In wire form.
  const Metadata& default_metadata() const { return default_metadata_; }
  EndpointPool& pool() { return *pool_; }

  // Run by the client's own thread, which starts when first asked for: a client of blocking calls needs none.
  EventLoop& loop() {
    std::call_once(thread_started_, [this] {
      thread_ = std::make_unique<LoopThread>();
      own_thread_.store(thread_->id());
    });
    return thread_->loop();
  }

  // True on the client's own thread, that is, inside a callback.
  bool IsOwnThread() const { return own_thread_.load() == std::this_thread::get_id(); }

 private:
  const Metadata default_metadata_;
  const std::unique_ptr<EndpointPool> pool_;
  std::once_flag thread_started_;
  std::atomic<std::thread::id> own_thread_{};
  std::unique_ptr<LoopThread> thread_;  // last: ends before what its callbacks use
};

}  // namespace dispatchctl::internal
