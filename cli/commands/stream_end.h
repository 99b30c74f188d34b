#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>

#include <chrono>
#include <mutex>

#include "output/trace_file.h"

namespace dispatchctl::cli {

/// How an assignment stream ended: told on the SDK's thread, asked for on the command's.
class StreamEnd {
 public:
  /// `trace`: null for none; must outlive it.
  explicit StreamEnd(TraceFile* trace) : trace_(trace) {}

  /// The stream is about to be opened; before Set.
  void Open() { opened_ = std::chrono::steady_clock::now(); }

  void Set(const absl::Status& status, const CallReport& report);

  /// OK as long as it has not ended.
  absl::Status status() const;
  CallReport report() const;

 private:
  TraceFile* const trace_;
  std::chrono::steady_clock::time_point opened_;
  mutable std::mutex mutex_;
  absl::Status status_;
  CallReport report_;
};

}  // namespace dispatchctl::cli
