#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "output/error_report.h"

namespace dispatchctl::cli {

/// What came of many lookups. The SDK's thread counts, the main thread asks at the end.
class LookupTally {
 public:
  void AddSuccess(std::optional<std::chrono::nanoseconds> stale_age);
  void AddFailure(const ErrorReport& error);

  /// What is to be said of last known statuses; empty when there were none.
  std::string StaleNote() const;

  /// Nothing when none failed.
  std::optional<ErrorReport> Verdict() const;

  /// Counts from the start again.
  void Clear();

 private:
  struct Counts {
    std::uint64_t total = 0;
    std::uint64_t failed = 0;
    std::uint64_t never_connected = 0;
    std::uint64_t stale = 0;
    std::chrono::nanoseconds oldest{0};
    ErrorReport first;  // that failed
  };

  mutable std::mutex mutex_;
  Counts counts_;
};

}  // namespace dispatchctl::cli
