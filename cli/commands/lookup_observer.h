#pragma once

#include <absl/status/status.h>
#include <dispatchctl/call_report.h>
#include <dispatchctl/lookup.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "output/trace_file.h"
#include "terminal/console.h"

namespace dispatchctl::cli {

/// Tells people (with -v) and the trace (with --trace) how the result of a lookup came about. From any
/// thread.
class LookupObserver {
 public:
  /// `trace` may be null.
  LookupObserver(const Console& console, TraceFile* trace) : console_(console), trace_(trace) {}

  void OnLookup(std::string_view courier_id, std::chrono::steady_clock::time_point started,
                const absl::Status& status, const CallReport& report) const;

  /// No more lookups for the moment.
  void Flush() const;

  bool traces() const { return trace_ != nullptr; }

 private:
  const Console& console_;
  TraceFile* const trace_;
};

/// A bulk lookup that remembers when each id was handed in.
class TimedBulkLookup final : public BulkLookup {
 public:
  using Clock = std::chrono::steady_clock;

  /// Before anything else.
  void Attach(BulkLookup& lookup) { lookup_ = &lookup; }

  absl::Status TrySubmit(std::string_view courier_id, std::uint64_t tag) override;
  absl::Status Submit(std::string_view courier_id, std::uint64_t tag) override;
  void CloseSubmissions() override { lookup_->CloseSubmissions(); }
  void Finish() override { lookup_->Finish(); }
  void Cancel() override { lookup_->Cancel(); }

  /// When `tag` was handed in, and forgets it. From any thread.
  Clock::time_point TakeStart(std::uint64_t tag);

 private:
  void Remember(std::uint64_t tag);

  BulkLookup* lookup_ = nullptr;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Clock::time_point> starts_;
};

}  // namespace dispatchctl::cli
