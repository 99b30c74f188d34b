#pragma once

#include <chrono>
#include <vector>

#include "output/error_report.h"
#include "output/record_stream.h"
#include "process/signal_queue.h"

namespace dispatchctl::cli {

/// The waiting of a command that goes round until somebody stops it.
class Pauses {
 public:
  using Clock = std::chrono::steady_clock;

  /// Both must outlive it.
  Pauses(const SignalQueue& signals, RecordStream& records) : signals_(signals), records_(records) {}

  /// Waits until `end`, or until `wakeup_fd` is readable. False when there is nothing to go on for: a signal
  /// has come, or the reader of the records has gone.
  bool WaitUntil(Clock::time_point end, int wakeup_fd = -1);

  /// The signal that came, or 0.
  int signal() const { return signal_; }

  /// Ends the records. What went wrong so far: the signal, and what kept the records from being written.
  std::vector<ErrorReport> FinishRecords();

 private:
  const SignalQueue& signals_;
  RecordStream& records_;
  int signal_ = 0;
};

}  // namespace dispatchctl::cli
