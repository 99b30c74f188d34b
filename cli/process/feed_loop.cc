#include "process/feed_loop.h"

#include <poll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <optional>

namespace dispatchctl::cli {
namespace {

// The SDK ends cancelled work at once, unless its thread is stuck writing to a reader that does not read.
constexpr std::chrono::seconds kCancelGrace{1};

// How long to wait until `deadline`, rounded up to a multiple of `step`; nothing: for ever.
std::optional<timespec> PollTimeout(std::chrono::steady_clock::time_point deadline,
                                    std::chrono::nanoseconds step) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  if (deadline == std::chrono::steady_clock::time_point::max()) return std::nullopt;
  const nanoseconds left = std::max<nanoseconds>(deadline - std::chrono::steady_clock::now(), nanoseconds(0));
  const nanoseconds wait = (left + step - nanoseconds(1)) / step * step;
  const auto whole = std::chrono::duration_cast<seconds>(wait);
  return timespec{.tv_sec = whole.count(), .tv_nsec = (wait - whole).count()};
}

}  // namespace

FeedLoopResult FeedLoop::Run() {
  if (options_.on_tick) next_tick_ = Clock::now() + options_.tick_interval;
  Step(feed_.Pump(false));
  while (!finished_.load(std::memory_order_acquire)) {
    if (records_.error_number() != 0 && stage_ != Stage::kCancelled) CancelAndWait();
    const Events events = Wait();
    if (events.signal && !HandleSignal()) break;
    if (!HandleDeadline()) break;
    Tick();
    if (stage_ != Stage::kFeeding) continue;
    const bool due = WantsTime() && Clock::now() >= feed_.resume_time();
    const bool room = events.woken && (wants_ == Feed::Wants::kRoom || wants_ == Feed::Wants::kRoomOrTime);
    if (due || room || events.input) Step(feed_.Pump(events.input));
  }
  return result_;
}

FeedLoop::Events FeedLoop::Wait() {
  const bool wants_input = stage_ == Stage::kFeeding && wants_ == Feed::Wants::kInput;
  const bool watch_output = records_.error_number() == 0;
  std::array<pollfd, 4> fds{{{wakeup_.fd(), POLLIN, 0},
                             {signals_.fd(), POLLIN, 0},
                             // No events asked for: errors and hang-ups are always told.
                             {watch_output ? records_.fd() : -1, 0, 0},
                             {wants_input ? feed_.input_fd() : -1, POLLIN, 0}}};
  const std::optional<timespec> timeout = PollTimeout(WakeTime(), options_.time_step);
  if (::ppoll(fds.data(), fds.size(), timeout.has_value() ? &*timeout : nullptr, nullptr) < 0) return {};
  Events events;
  events.woken = fds[0].revents != 0;
  if (events.woken) wakeup_.Clear();
  events.signal = fds[1].revents != 0;
  if ((fds[2].revents & (POLLERR | POLLHUP)) != 0) records_.Fail(EPIPE);
  events.input = fds[3].revents != 0;
  return events;
}

bool FeedLoop::WantsTime() const {
  return wants_ == Feed::Wants::kTime || wants_ == Feed::Wants::kRoomOrTime;
}

FeedLoop::Clock::time_point FeedLoop::WakeTime() const {
  const Clock::time_point soonest = std::min(deadline_, next_tick_);
  const bool paced = stage_ == Stage::kFeeding && WantsTime();
  return paced ? std::min(soonest, feed_.resume_time()) : soonest;
}

void FeedLoop::Tick() {
  const Clock::time_point now = Clock::now();
  if (now < next_tick_) return;
  options_.on_tick();
  next_tick_ = now + options_.tick_interval;
}

void FeedLoop::Step(Feed::Wants wants) {
  wants_ = wants;
  if (wants != Feed::Wants::kEnd) return;
  result_.input_ended = true;
  StopFeeding(Stage::kDraining);
  if (options_.finish_timeout != std::chrono::nanoseconds::max()) {
    deadline_ = Clock::now() + options_.finish_timeout;
  }
}

void FeedLoop::StopFeeding(Stage next) {
  if (stage_ == Stage::kFeeding) feed_.CloseSubmissions();
  stage_ = next;
}

void FeedLoop::CancelAndWait() {
  StopFeeding(Stage::kCancelled);
  feed_.Cancel();
  deadline_ = Clock::now() + kCancelGrace;
}

bool FeedLoop::HandleSignal() {
  const int signal = signals_.Take();
  if (signal == 0) return true;
  if (result_.signal != 0) {
    result_.leave_at_once = true;
    result_.unfinished = true;
    return false;
  }
  result_.signal = signal;
  if (stage_ == Stage::kCancelled) return true;
  StopFeeding(Stage::kInterrupted);
  deadline_ = Clock::now() + options_.drain_timeout;
  if (options_.on_interrupt) options_.on_interrupt(signal);
  return true;
}

bool FeedLoop::HandleDeadline() {
  if (Clock::now() < deadline_) return true;
  if (stage_ == Stage::kCancelled) {
    result_.unfinished = true;
    return false;
  }
  result_.finish_timed_out = stage_ == Stage::kDraining;
  CancelAndWait();
  return true;
}

void FinishRecords(RecordStream& records, const SignalQueue& signals, FeedLoopResult& result) {
  if (result.signal == 0) {
    if (!records.Finish(signals.fd())) result.signal = signals.Take();
    return;
  }
  const UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  itimerspec grace{};
  grace.it_value.tv_sec = kCancelGrace.count();
  ::timerfd_settime(timer.get(), 0, &grace, nullptr);
  records.Finish(timer.get());
}

}  // namespace dispatchctl::cli
