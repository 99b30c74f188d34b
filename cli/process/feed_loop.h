#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include "output/record_stream.h"
#include "process/signal_queue.h"
#include "process/wakeup.h"

namespace dispatchctl::cli {

/// What feeds records into the SDK, driven by FeedLoop on the main thread.
class Feed {
 public:
  enum class Wants {
    kInput,       ///< nothing more to hand in until input_fd() is readable
    kRoom,        ///< the window is full; the SDK's on_writable comes as a wake-up
    kTime,        ///< nothing more to hand in before resume_time()
    kRoomOrTime,  ///< as kRoom, but no longer than until resume_time()
    kEnd,         ///< nothing more will be handed in
  };

  virtual ~Feed() = default;

  virtual int input_fd() const = 0;

  /// When Pump is to be called again after it has said kTime or kRoomOrTime.
  virtual std::chrono::steady_clock::time_point resume_time() const { return {}; }

  /// Hands in what is there. Reads from input_fd() once when `readable`, and never waits.
  virtual Wants Pump(bool readable) = 0;

  virtual void CloseSubmissions() = 0;
  virtual void Cancel() = 0;
};

struct FeedLoopResult {
  int signal = 0;                 ///< the first signal that came, if any
  bool leave_at_once = false;     ///< a second one came
  bool input_ended = false;       ///< the feed said so, rather than being stopped
  bool finish_timed_out = false;  ///< cancelled after finish_timeout
  bool unfinished = false;        ///< gave up waiting for the end; callbacks may still be running
};

/// What calls under way get after a signal, where the user has no say in it.
inline constexpr std::chrono::seconds kInterruptGrace{1};

/// Waits for input, results, signals, the server's end and a reader that went away, whichever comes first,
/// until the work has ended. Results themselves arrive on the SDK's thread.
class FeedLoop {
 public:
  struct Options {
    std::chrono::nanoseconds drain_timeout{0};  ///< how long results are waited for after a signal
    std::function<void(int signal)> on_interrupt{};
    std::chrono::nanoseconds tick_interval{0};  ///< between calls of on_tick, or more
    std::function<void()> on_tick{};            ///< unset: none
    /// How long results are waited for after the feed's end, before the work is cancelled; max(): for ever.
    std::chrono::nanoseconds finish_timeout{std::chrono::nanoseconds::max()};
    /// Times are waited for in steps of this, so that what is due nearly at once costs one waking.
    std::chrono::nanoseconds time_step{std::chrono::milliseconds(1)};
  };

  /// `finished` is set, and `wakeup` notified, when the SDK says that the work has ended.
  FeedLoop(Feed& feed, RecordStream& records, const SignalQueue& signals, const Wakeup& wakeup,
           const std::atomic<bool>& finished, Options options)
      : feed_(feed),
        records_(records),
        signals_(signals),
        wakeup_(wakeup),
        finished_(finished),
        options_(std::move(options)) {}

  FeedLoopResult Run();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Stage { kFeeding, kDraining, kInterrupted, kCancelled };

  struct Events {
    bool input = false;
    bool woken = false;
    bool signal = false;
  };

  Events Wait();
  bool WantsTime() const;
  Clock::time_point WakeTime() const;
  void Tick();
  void Step(Feed::Wants wants);
  void StopFeeding(Stage next);
  void CancelAndWait();
  bool HandleSignal();
  bool HandleDeadline();

  Feed& feed_;
  RecordStream& records_;
  const SignalQueue& signals_;
  const Wakeup& wakeup_;
  const std::atomic<bool>& finished_;
  Options options_;

  FeedLoopResult result_;
  Stage stage_ = Stage::kFeeding;
  Feed::Wants wants_ = Feed::Wants::kInput;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point next_tick_ = Clock::time_point::max();
};

/// Ends the output after the loop. Still heeds signals while the reader is slow, and waits for no reader
/// after one.
void FinishRecords(RecordStream& records, const SignalQueue& signals, FeedLoopResult& result);

}  // namespace dispatchctl::cli
