#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "transport/event_loop.h"

namespace dispatchctl::internal {

// A thread that runs a loop. May be destroyed on that very thread, from inside a callback: the loop then ends
// by itself once the callback has returned.
class LoopThread {
 public:
  // `may_doze`: see EventLoop::RunDozing; null: never.
  explicit LoopThread(std::function<bool()> may_doze = nullptr);
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  EventLoop& loop() { return *loop_; }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  std::shared_ptr<EventLoop> loop_;
  std::thread thread_;
};

}  // namespace dispatchctl::internal
