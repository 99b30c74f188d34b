#pragma once

#include <dispatchctl/assignment_stream.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "checkpoint/answered.h"
#include "commands/assign_results.h"
#include "config/options.h"
#include "input/input_files.h"
#include "input/rate_pacer.h"
#include "input/update_reader.h"
#include "output/error_report.h"
#include "output/record_stream.h"
#include "process/feed_loop.h"
#include "terminal/console.h"

namespace dispatchctl::cli {

/// Turns lines into assignments and hands them in. Without a stream, only checks them.
class AssignFeed final : public Feed {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Options {
    const AssignOptions& assign;
    Answered* answered = nullptr;  ///< what need not be sent again
    int interrupt_fd = -1;         ///< ends the wait for a reader of the records that is slow
    std::function<TimePoint()> now = std::chrono::steady_clock::now;
  };

  /// Without a stream, `finished` is set when the last line has been read.
  AssignFeed(Options options, InputFiles& files, RecordStream& records, AssignResults& results,
             const Console& console, std::atomic<bool>& finished);

  /// Before the first Pump.
  void Attach(AssignmentStream& stream) { stream_ = &stream; }

  int input_fd() const override { return files_.fd(); }
  TimePoint resume_time() const override { return pacer_->next(); }
  Wants Pump(bool readable) override;
  void CloseSubmissions() override;
  void Cancel() override;

  /// Why reading stopped before the end of the input.
  const std::optional<ErrorReport>& input_error() const { return input_error_; }
  /// True when input is there that was not handed in, because the stream had ended. Reads once at most.
  bool HasUnsent();

  std::uint64_t handed_in() const { return handed_in_; }
  std::uint64_t skipped() const { return skipped_; }
  std::uint64_t reported() const { return reported_; }
  /// Records that an earlier run has answered already, those it has reported among them.
  std::uint64_t answered_before() const { return answered_before_; }

 private:
  enum class Step { kNext, kNoRoom, kTooSoon, kStop };

  // A record of the input, and how far it has come.
  struct Record {
    bool unusable = false;
    std::string problem;     // of one that is unusable
    bool has_id = false;     // and yet has this
    bool compared = false;   // with what was answered before
    bool announced = false;  // to the results
    bool paced = false;
  };

  Wants Work();
  // Nothing when there is no whole record.
  std::optional<Wants> TakeRecord();
  Step Proceed();
  Step Submit();
  Step Refuse();
  bool Announce();
  Step Mismatch();
  std::string Where() const { return files_.Describe(reader_.place()); }

  const Options options_;
  InputFiles& files_;
  RecordStream& records_;
  AssignResults& results_;
  const Console& console_;
  std::atomic<bool>& finished_;
  AssignmentStream* stream_ = nullptr;
  UpdateReader reader_;
  std::optional<RatePacer> pacer_;

  AssignmentUpdate update_;
  std::optional<Record> record_;  // of update_; kept until it is handed in
  bool left_unsent_ = false;
  bool unflushed_ = false;
  std::optional<ErrorReport> input_error_;
  std::uint64_t handed_in_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t reported_ = 0;
  std::uint64_t answered_before_ = 0;
};

}  // namespace dispatchctl::cli
