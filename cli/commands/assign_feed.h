#pragma once

#include <dispatchctl/assignment_stream.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "config/options.h"
#include "input/input_files.h"
#include "input/ndjson_update_parser.h"
#include "output/error_report.h"
#include "output/record_stream.h"
#include "process/feed_loop.h"
#include "terminal/console.h"

namespace dispatchctl::cli {

/// Turns lines into assignments and hands them in. Without a stream, only checks them.
class AssignFeed final : public Feed {
 public:
  /// `interrupt_fd` ends the wait for a reader of the records that is slow. Without a stream, `finished` is
  /// set when the last line has been read.
  AssignFeed(const AssignOptions& options, InputFiles& files, RecordStream& records, const Console& console,
             int interrupt_fd, std::atomic<bool>& finished)
      : options_(options),
        files_(files),
        records_(records),
        console_(console),
        interrupt_fd_(interrupt_fd),
        finished_(finished) {}

  /// Before the first Pump.
  void Attach(AssignmentStream& stream) { stream_ = &stream; }

  int input_fd() const override { return files_.fd(); }
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

 private:
  enum class Step { kNext, kNoRoom, kStop };

  Step TakeLine(const Line& line);
  Step Submit();
  Step BadLine(std::string_view assignment_id, std::uint64_t line, std::string_view what);
  void Report(std::string_view assignment_id, std::uint64_t line, const ErrorReport& error);

  const AssignOptions& options_;
  InputFiles& files_;
  RecordStream& records_;
  const Console& console_;
  const int interrupt_fd_;
  std::atomic<bool>& finished_;
  AssignmentStream* stream_ = nullptr;
  NdjsonUpdateParser parser_;

  AssignmentUpdate update_;
  LinePlace place_;       // of update_
  bool waiting_ = false;  // update_ found no room
  bool left_unsent_ = false;
  std::optional<ErrorReport> input_error_;
  std::uint64_t handed_in_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t reported_ = 0;
};

}  // namespace dispatchctl::cli
