#pragma once

#include <dispatchctl/assignment_stream.h>

#include <mutex>
#include <vector>

#include "config/options.h"
#include "output/assign_summary.h"
#include "output/record_stream.h"

namespace dispatchctl::cli {

/// Without details a table leaves out the line, which only failed records have: their message names it.
std::vector<Column> AssignColumns(OutputFormat format, bool detail);

/// Prints and counts what the server decided. OnResult runs on the SDK's thread.
class AssignResults {
 public:
  AssignResults(RecordStream& records, bool detail) : records_(records), detail_(detail) {}

  void OnResult(const AssignmentOutcome& outcome);

  /// Adds the counts so far.
  void AddTo(AssignSummary& summary) const;

 private:
  RecordStream& records_;
  const bool detail_;

  mutable std::mutex mutex_;
  std::uint64_t accepted_ = 0;
  std::uint64_t rejected_ = 0;
  LatencyHistogram latency_;
};

}  // namespace dispatchctl::cli
