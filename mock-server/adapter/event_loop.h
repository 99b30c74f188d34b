#pragma once

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace dispatchctl::mock {

// What a completion queue hands back: the outcome of one operation.
class Completion {
 public:
  Completion() = default;
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  Completion(Completion&&) = delete;
  Completion& operator=(Completion&&) = delete;

  virtual void Complete(bool ok) = 0;

 protected:
  ~Completion() = default;
};

// A tag that calls one member function of its owner.
template <typename Owner, void (Owner::*Handler)(bool)>
class Tag final : public Completion {
 public:
  explicit Tag(Owner* owner) : owner_(owner) {}
  void Complete(bool ok) override { (owner_->*Handler)(ok); }

 private:
  Owner* owner_;
};

// One completion queue and all that happens on the one thread that serves it. Everything but Stop() and
// Post() is for that thread only, so that what runs on it needs no locks.
class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;

  class Timer {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    Timer(Timer&&) = delete;
    Timer& operator=(Timer&&) = delete;

    bool scheduled() const { return scheduled_; }

   protected:
    virtual ~Timer() = default;

   private:
    friend class EventLoop;
    virtual void Expired() = 0;

    Clock::time_point due_;
    bool scheduled_ = false;
  };

  // Told once, after WhenIdle(), when no completion is waiting any more, or too many have passed meanwhile.
  class IdleListener {
   public:
    IdleListener() = default;
    IdleListener(const IdleListener&) = delete;
    IdleListener& operator=(const IdleListener&) = delete;
    IdleListener(IdleListener&&) = delete;
    IdleListener& operator=(IdleListener&&) = delete;

   protected:
    virtual ~IdleListener() = default;

   private:
    friend class EventLoop;
    virtual void Idle() = 0;

    bool waiting_ = false;
  };

  explicit EventLoop(std::unique_ptr<grpc::ServerCompletionQueue> queue) : queue_(std::move(queue)) {}

  grpc::ServerCompletionQueue* queue() const { return queue_.get(); }

  // Serves the queue until Stop() was called and every call is gone.
  void Run();

  // Each call counts itself in for as long as an operation or timer of its own may still come back.
  void CallStarted() { ++calls_; }
  void CallEnded() { --calls_; }

  // From any thread, once, after the server's Shutdown() has returned: lets the calls that are left end.
  void Stop();
  bool stopping() const { return stopping_; }

  // From any thread: runs the task on the loop's, unless the loop has ended by then.
  void Post(std::function<void()> task);

  void Schedule(Timer& timer, Clock::time_point due);
  void Cancel(Timer& timer);

  void WhenIdle(IdleListener& listener);
  void NotWhenIdle(IdleListener& listener);

 private:
  // An idle listener waits for no more completions than this on a busy queue.
  static constexpr int kMaxEventsBeforeIdle = 512;

  class PostedTask;

  void OnStop(bool ok);
  void ShutDownQueue();
  gpr_timespec NextDeadline() const;
  void RunTimers();
  void RunIdleListeners();

  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::set<std::pair<Clock::time_point, Timer*>> timers_;
  std::vector<IdleListener*> idle_listeners_;
  std::vector<IdleListener*> idle_running_;
  int events_before_idle_ = 0;
  std::size_t calls_ = 0;
  bool stopping_ = false;
  std::mutex shut_down_mutex_;
  bool shut_down_ = false;
  Tag<EventLoop, &EventLoop::OnStop> stop_tag_{this};
  grpc::Alarm stop_alarm_;
};

}  // namespace dispatchctl::mock
