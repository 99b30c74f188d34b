#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace dispatchctl::cli {

/// How long a benchmark lasts, and how fast it goes.
struct BenchPlan {
  std::optional<double> rate{};  ///< starts a second, greater than zero; unset: a closed loop
  std::chrono::nanoseconds warmup{0};
  std::optional<std::chrono::nanoseconds> duration{};  ///< after the warm-up
  std::optional<std::uint64_t> count{};                ///< after the warm-up; whichever ends first
};

/// When each call of a benchmark should start. All times count from its begin. Pure: the time is passed in.
///
/// Open loop: the n-th call, from 0, should start at n / rate, whatever became of those before it. Latency
/// that counts from there shows a server that stalls in every call that should have started meanwhile (no
/// coordinated omission). Closed loop: a call may start as soon as there is room for it.
class Schedule {
 public:
  using Nanoseconds = std::chrono::nanoseconds;

  explicit Schedule(const BenchPlan& plan) : plan_(plan) {}

  bool open() const { return plan_.rate.has_value(); }

  /// When the next call should start, which may be past or to come; in a closed loop, `now`. Nothing when
  /// there is none any more.
  std::optional<Nanoseconds> Next(Nanoseconds now) const;

  /// The next call, which should start at `start`, has been handed out.
  void Take(Nanoseconds start);

  /// False: it is of the warm-up.
  bool Measured(Nanoseconds start) const { return start >= plan_.warmup; }

  /// How many measured calls should have started before `now` and were not handed out. 0 in a closed loop.
  std::uint64_t Overdue(Nanoseconds now) const;

  /// After this nothing is started any more, even if it is overdue: a tenth of the duration after its end,
  /// and at least a second. Unset where only the count ends it, and in a closed loop.
  std::optional<Nanoseconds> LastStart() const;

  /// How much of the whole is done, from 0 to 1.
  double Progress(Nanoseconds now) const;

  std::uint64_t taken() const { return taken_; }

 private:
  Nanoseconds StartOf(std::uint64_t index) const;
  // The first index that should start at `time` or later.
  std::uint64_t FirstFrom(Nanoseconds time) const;
  std::optional<Nanoseconds> End() const;

  BenchPlan plan_;
  std::uint64_t taken_ = 0;
  std::uint64_t measured_ = 0;  // of those taken
};

}  // namespace dispatchctl::cli
