#include "bench/tally.h"

namespace dispatchctl::cli {

void BenchTally::AddWarmUp() {
  const std::lock_guard lock(mutex_);
  ++ended_;
}

void BenchTally::AddSuccess(TimePoint now, std::chrono::nanoseconds latency, int attempts) {
  const std::lock_guard lock(mutex_);
  Ended(now, attempts);
  ++counts_.ok;
  counts_.latency.Add(latency);
}

void BenchTally::AddDecision(TimePoint now, std::chrono::nanoseconds latency, bool accepted) {
  const std::lock_guard lock(mutex_);
  Ended(now, 0);
  ++counts_.ok;
  ++(accepted ? counts_.accepted : counts_.rejected);
  counts_.latency.Add(latency);
}

void BenchTally::AddFailure(TimePoint now, std::chrono::nanoseconds latency, std::string_view code,
                            int attempts) {
  const std::lock_guard lock(mutex_);
  Ended(now, attempts);
  ++errors_;
  ++counts_.errors_by_code[std::string(code)];
  counts_.error_latency.Add(latency);
}

void BenchTally::AddFailures(std::string_view code, std::uint64_t count) {
  if (count == 0) return;
  const std::lock_guard lock(mutex_);
  errors_ += count;
  counts_.errors_by_code[std::string(code)] += count;
}

void BenchTally::AddUnfinished(std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  counts_.unfinished += count;
}

void BenchTally::AddStart(std::chrono::nanoseconds delay, bool waited) {
  const std::lock_guard lock(mutex_);
  counts_.start_delay.Add(delay);
  if (delay > kLate) ++counts_.late;
  if (waited) ++counts_.waited;
}

BenchGlance BenchTally::Glance() const {
  const std::lock_guard lock(mutex_);
  return {.ended = ended_,
          .errors = errors_,
          .p50 = counts_.latency.Quantile(0.5),
          .p99 = counts_.latency.Quantile(0.99)};
}

BenchCounts BenchTally::Counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::optional<BenchTally::TimePoint> BenchTally::last_end() const {
  const std::lock_guard lock(mutex_);
  return last_end_;
}

void BenchTally::Ended(TimePoint now, int attempts) {
  ++ended_;
  counts_.attempts += static_cast<std::uint64_t>(attempts);
  last_end_ = now;
}

std::string FailureCode(const absl::Status& status, const CallReport& report) {
  const bool never_connected =
      report.phase == Phase::kResolve || report.phase == Phase::kConnect || report.phase == Phase::kTls;
  return never_connected ? std::string(kNoConnection) : StatusCodeName(status.code());
}

}  // namespace dispatchctl::cli
