#include "transport/event_loop.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "transport/thread_annotations.h"

namespace dispatchctl::internal {
namespace {

// A busy loop looks at the clock only now and then.
constexpr int kEventsBetweenTimerChecks = 64;

constexpr std::chrono::milliseconds kDoze{50};

gpr_timespec ToTimespec(Clock::time_point when) {
  // Clock is CLOCK_MONOTONIC, which is also what GPR_CLOCK_MONOTONIC counts.
  const auto since_epoch = when.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
  gpr_timespec out;
  out.tv_sec = seconds.count();
  out.tv_nsec = static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds).count());
  out.clock_type = GPR_CLOCK_MONOTONIC;
  return out;
}

}  // namespace

struct EventLoop::State final : Completion {
  // A wake-up: `tasks` is no longer empty.
  void OnCompletion(bool) override {}

  grpc::CompletionQueue queue;
  std::vector<IdleListener*> idle_listeners;
  std::set<std::pair<Clock::time_point, Timer*>> timers;
  int events_since_timer_check = 0;

  std::mutex mutex;  // guards all below
  std::condition_variable roused;
  std::vector<std::shared_ptr<Task>> tasks;
  bool wake_up_under_way = false;
  bool shut_down = false;
  grpc::Alarm wake_up;
};

EventLoop::EventLoop() : state_(std::make_unique<State>()) {}

EventLoop::~EventLoop() {
  Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (state_->queue.Next(&tag, &ok)) {
    TakeOver(tag);
    static_cast<Completion*>(tag)->OnCompletion(ok);
  }
}

grpc::CompletionQueue& EventLoop::queue() {
  return state_->queue;
}

void EventLoop::RunUntil(const bool& done) {
  while (!done && RunOnce(Clock::time_point::max()) != Turn::kShutdown) {
  }
}

void EventLoop::Run() {
  while (RunOnce(Clock::time_point::max()) != Turn::kShutdown) {
  }
}

void EventLoop::RunDozing(const std::function<bool()>& may_doze) {
  for (;;) {
    Clock::time_point latest = Clock::now() + kDoze;
    if (may_doze()) {
      std::unique_lock<std::mutex> lock(state_->mutex);
      state_->roused.wait_until(lock, latest, [&] { return !state_->tasks.empty() || state_->shut_down; });
      // What is left after a shutdown is waited for, not asked about again and again.
      if (!state_->shut_down) latest = Clock::time_point::min();
    }
    Turn turn = Turn::kHandled;
    while (turn == Turn::kHandled) turn = RunOnce(latest);
    if (turn == Turn::kShutdown) return;
  }
}

EventLoop::Turn EventLoop::RunOnce(Clock::time_point latest) {
  if (!state_->idle_listeners.empty()) latest = Clock::time_point::min();
  if (!state_->timers.empty()) latest = std::min(latest, state_->timers.begin()->first);
  gpr_timespec until;
  if (latest == Clock::time_point::max()) {
    until = gpr_inf_future(GPR_CLOCK_MONOTONIC);
  } else if (latest == Clock::time_point::min()) {
    until = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  } else {
    until = ToTimespec(latest);
  }

  void* tag = nullptr;
  bool ok = false;
  switch (state_->queue.AsyncNext(&tag, &ok, until)) {
    case grpc::CompletionQueue::SHUTDOWN:
      return Turn::kShutdown;
    case grpc::CompletionQueue::GOT_EVENT:
      TakeOver(tag);
      if (tag == static_cast<Completion*>(state_.get())) {
        RunScheduledTasks();
      } else {
        static_cast<Completion*>(tag)->OnCompletion(ok);
      }
      if (!state_->timers.empty() && ++state_->events_since_timer_check >= kEventsBetweenTimerChecks)
        RunDueTimers();
      return Turn::kHandled;
    case grpc::CompletionQueue::TIMEOUT:
      break;
  }
  if (!state_->idle_listeners.empty()) {
    IdleListener* listener = state_->idle_listeners.back();
    state_->idle_listeners.pop_back();
    listener->OnIdle();
  }
  RunDueTimers();
  return Turn::kNothing;
}

void EventLoop::RunDueTimers() {
  state_->events_since_timer_check = 0;
  while (!state_->timers.empty() && state_->timers.begin()->first <= Clock::now()) {
    Timer* timer = state_->timers.begin()->second;
    state_->timers.erase(state_->timers.begin());
    timer->OnTimer();
  }
}

void EventLoop::RunScheduledTasks() {
  std::vector<std::shared_ptr<Task>> tasks;
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->wake_up_under_way = false;
    tasks.swap(state_->tasks);
  }
  for (const std::shared_ptr<Task>& task : tasks) {
    task->scheduled_.store(false);
    task->Run();
  }
}

void EventLoop::Schedule(std::shared_ptr<Task> task) {
  if (task->scheduled_.exchange(true)) return;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  if (state_->shut_down) return;
  state_->tasks.push_back(std::move(task));
  state_->roused.notify_one();
  if (state_->wake_up_under_way) return;
  state_->wake_up_under_way = true;
  auto* tag = static_cast<Completion*>(state_.get());
  HandOver(tag);
  state_->wake_up.Set(&state_->queue, gpr_inf_past(GPR_CLOCK_MONOTONIC), tag);
}

void EventLoop::CallWhenIdle(IdleListener& listener) {
  state_->idle_listeners.push_back(&listener);
}

void EventLoop::CancelIdleCall(IdleListener& listener) {
  std::erase(state_->idle_listeners, &listener);
}

void EventLoop::StartTimer(Timer& timer, Clock::time_point when) {
  timer.when_ = when;
  state_->timers.emplace(when, &timer);
}

void EventLoop::CancelTimer(Timer& timer) {
  state_->timers.erase({timer.when_, &timer});
}

bool EventLoop::StartUnlessShutDown(const std::function<void()>& start) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  if (state_->shut_down) return false;
  start();
  return true;
}

void EventLoop::Shutdown() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  if (state_->shut_down) return;
  state_->shut_down = true;
  state_->roused.notify_one();
  state_->wake_up.Cancel();
  state_->queue.Shutdown();
}

}  // namespace dispatchctl::internal
