#include "mock-server/adapter/event_loop.h"

#include <algorithm>

// The thread sanitizer cannot look into gRPC, whose queue brings what another thread has posted to this one.
#if defined(__SANITIZE_THREAD__)
extern "C" {
void __tsan_acquire(void* address);  // NOLINT(bugprone-reserved-identifier)
void __tsan_release(void* address);  // NOLINT(bugprone-reserved-identifier)
}
#endif

namespace dispatchctl::mock {
namespace {

void HandOver([[maybe_unused]] void* tag) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(tag);
#endif
}

void TakeOver([[maybe_unused]] void* tag) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(tag);
#endif
}

}  // namespace

class EventLoop::PostedTask final : public Completion {
 public:
  PostedTask(grpc::ServerCompletionQueue* queue, std::function<void()> task) : task_(std::move(task)) {
    void* const tag = static_cast<Completion*>(this);
    HandOver(tag);
    alarm_.Set(queue, gpr_time_0(GPR_CLOCK_MONOTONIC), tag);
  }

  void Complete(bool /*ok*/) override {
    const std::unique_ptr<PostedTask> self(this);
    task_();
  }

 private:
  std::function<void()> task_;
  grpc::Alarm alarm_;
};

void EventLoop::Run() {
  for (;;) {
    void* tag = nullptr;
    bool ok = false;
    switch (queue_->AsyncNext(&tag, &ok, NextDeadline())) {
      case grpc::CompletionQueue::GOT_EVENT:
        TakeOver(tag);
        static_cast<Completion*>(tag)->Complete(ok);
        if (!idle_listeners_.empty() && ++events_before_idle_ >= kMaxEventsBeforeIdle) RunIdleListeners();
        break;
      case grpc::CompletionQueue::TIMEOUT:
        RunIdleListeners();
        break;
      case grpc::CompletionQueue::SHUTDOWN:
        return;
    }
    if (!timers_.empty()) RunTimers();
    if (stopping_ && calls_ == 0 && !shut_down_) ShutDownQueue();
  }
}

void EventLoop::Stop() {
  stop_alarm_.Set(queue_.get(), gpr_time_0(GPR_CLOCK_MONOTONIC), &stop_tag_);
}

void EventLoop::Post(std::function<void()> task) {
  // Nothing may be put into a queue that has been shut down.
  const std::lock_guard lock(shut_down_mutex_);
  if (!shut_down_) std::make_unique<PostedTask>(queue_.get(), std::move(task)).release();
}

void EventLoop::ShutDownQueue() {
  const std::lock_guard lock(shut_down_mutex_);
  shut_down_ = true;
  queue_->Shutdown();
}

void EventLoop::OnStop(bool /*ok*/) {
  stopping_ = true;
}

gpr_timespec EventLoop::NextDeadline() const {
  if (!idle_listeners_.empty()) return gpr_inf_past(GPR_CLOCK_MONOTONIC);
  if (timers_.empty()) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  const auto wait = std::chrono::ceil<std::chrono::microseconds>(timers_.begin()->first - Clock::now());
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_micros(std::max<std::int64_t>(wait.count(), 0), GPR_TIMESPAN));
}

void EventLoop::Schedule(Timer& timer, Clock::time_point due) {
  Cancel(timer);
  timer.due_ = due;
  timer.scheduled_ = true;
  timers_.emplace(due, &timer);
}

void EventLoop::Cancel(Timer& timer) {
  if (!timer.scheduled_) return;
  timer.scheduled_ = false;
  timers_.erase({timer.due_, &timer});
}

void EventLoop::RunTimers() {
  const Clock::time_point now = stopping_ ? Clock::time_point::max() : Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Timer* timer = timers_.begin()->second;
    timers_.erase(timers_.begin());
    timer->scheduled_ = false;
    timer->Expired();
  }
}

void EventLoop::WhenIdle(IdleListener& listener) {
  if (listener.waiting_) return;
  listener.waiting_ = true;
  idle_listeners_.push_back(&listener);
}

void EventLoop::NotWhenIdle(IdleListener& listener) {
  if (!listener.waiting_) return;
  listener.waiting_ = false;
  std::erase(idle_listeners_, &listener);
  std::replace(idle_running_.begin(), idle_running_.end(), &listener, static_cast<IdleListener*>(nullptr));
}

void EventLoop::RunIdleListeners() {
  events_before_idle_ = 0;
  // Listeners may register again, or withdraw another, while they run.
  idle_running_.swap(idle_listeners_);
  for (std::size_t i = 0; i < idle_running_.size(); ++i) {
    IdleListener* listener = idle_running_[i];
    if (listener == nullptr) continue;
    listener->waiting_ = false;
    listener->Idle();
  }
  idle_running_.clear();
}

}  // namespace dispatchctl::mock
