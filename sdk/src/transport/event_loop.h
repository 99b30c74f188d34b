#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

namespace grpc {
class CompletionQueue;
}

namespace dispatchctl::internal {

using Clock = std::chrono::steady_clock;

// Called on the loop's thread when an operation that it was given to has ended.
class Completion {
 public:
  virtual void OnCompletion(bool ok) = 0;

 protected:
  ~Completion() = default;
};

// Work for the loop's thread, handed over from any thread.
class Task {
 public:
  virtual ~Task() = default;
  virtual void Run() = 0;

 private:
  friend class EventLoop;
  std::atomic<bool> scheduled_{false};
};

// Called once when the loop has nothing more to do for the moment.
class IdleListener {
 public:
  virtual void OnIdle() = 0;

 protected:
  ~IdleListener() = default;
};

// Called on the loop's thread when its time has come.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual void OnTimer() = 0;

 private:
  friend class EventLoop;
  Clock::time_point when_{};
};

// One completion queue and the work around it. One thread at a time runs the loop; only Schedule and Shutdown
// may be called from others.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Handles what there is until `done` is set. For a caller that runs the loop on its own thread.
  void RunUntil(const bool& done);

  // Handles events until Shutdown has been called and every operation has ended.
  void Run();

  // The same, but looks for events only every 50 ms as long as `may_doze`. A thread that waits for events
  // takes in those of every connection, and has to wake the threads that they are for: it had better not, for
  // operations whose end is in no hurry.
  void RunDozing(const std::function<bool()>& may_doze);

  // Has `task` run on the loop's thread, once for any number of calls before it runs. Dropped after Shutdown.
  void Schedule(std::shared_ptr<Task> task);

  // Has `listener` called once, when no completion is waiting. Must be cancelled before the listener goes.
  void CallWhenIdle(IdleListener& listener);
  void CancelIdleCall(IdleListener& listener);

  // Has `timer` called at `when` or soon after. Must be cancelled before the timer goes.
  void StartTimer(Timer& timer, Clock::time_point when);
  void CancelTimer(Timer& timer);

  // No operation may be started from now on; Run returns when those under way have ended.
  void Shutdown();

  // Calls `start`, which starts an operation, unless Shutdown has been called: then false. For operations
  // that nobody holds back from a loop that is going; `start` must not call the loop.
  bool StartUnlessShutDown(const std::function<void()>& start);

  grpc::CompletionQueue& queue();

 private:
  struct State;
  enum class Turn { kHandled, kNothing, kShutdown };

  Turn RunOnce(Clock::time_point latest);
  void RunDueTimers();
  void RunScheduledTasks();

  std::unique_ptr<State> state_;
};

}  // namespace dispatchctl::internal
