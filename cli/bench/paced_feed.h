#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "bench/schedule.h"
#include "process/feed_loop.h"

namespace dispatchctl::cli {

/// What a benchmark does again and again.
class Load {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  enum class Start {
    kStarted,
    kNoRoom,  ///< not started; the loop is woken when there is room
    kEnded,   ///< nothing can be started any more
  };

  virtual ~Load() = default;

  /// Before the first start: what all times count from.
  virtual void Begin(TimePoint begin) = 0;

  /// Starts the call with this number, from 0, which should start at `intended`. `held_up`: it should have
  /// before now, and found no room.
  virtual Start TryStart(std::uint64_t index, std::chrono::nanoseconds intended, TimePoint now,
                         bool held_up) = 0;

  /// No more starts.
  virtual void Close() = 0;

  /// Ends what is in flight.
  virtual void Cancel() = 0;
};

/// Starts the calls of a load when its schedule says so, all that are due at once.
class PacedFeed final : public Feed {
 public:
  using TimePoint = Load::TimePoint;

  PacedFeed(const BenchPlan& plan, Load& load,
            std::function<TimePoint()> now = std::chrono::steady_clock::now)
      : schedule_(plan), load_(load), now_(std::move(now)) {}

  int input_fd() const override { return -1; }
  TimePoint resume_time() const override { return resume_time_; }
  Wants Pump(bool readable) override;
  void CloseSubmissions() override { load_.Close(); }
  void Cancel() override { load_.Cancel(); }

  /// Of the first Pump.
  TimePoint begin() const { return begin_; }
  const Schedule& schedule() const { return schedule_; }
  std::chrono::nanoseconds Elapsed() const { return now_() - begin_; }

 private:
  Schedule schedule_;
  Load& load_;
  const std::function<TimePoint()> now_;
  TimePoint begin_{};
  TimePoint resume_time_{};
  bool begun_ = false;
  bool held_up_ = false;
};

}  // namespace dispatchctl::cli
