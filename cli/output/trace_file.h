#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "output/error_report.h"
#include "output/trace_events.h"
#include "process/unique_fd.h"

namespace dispatchctl::cli {

/// Where --trace writes. Calls may be added from any thread. After a failed write everything is dropped, and
/// Finish tells of it.
class TraceFile {
 public:
  /// Replaces what was in the file, and begins the trace.
  std::optional<ErrorReport> Open(const std::string& path, std::string_view target);

  /// Adds the events of a finished call; `number` is given here.
  void Add(TracedCall call);

  /// Writes what is waiting.
  void Flush();

  /// Flushes and closes. The error names the file.
  std::optional<ErrorReport> Finish();

 private:
  void FlushLocked();

  std::string path_;
  std::mutex mutex_;
  UniqueFd file_;
  std::string pending_;
  std::uint64_t calls_ = 0;
  int error_number_ = 0;
};

}  // namespace dispatchctl::cli
