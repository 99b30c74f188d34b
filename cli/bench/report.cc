#include "bench/report.h"

namespace dispatchctl::cli {

std::uint64_t BenchCounts::errors() const {
  std::uint64_t errors = 0;
  for (const auto& [code, count] : errors_by_code) errors += count;
  return errors;
}

double BenchReport::Rate() const {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  const auto not_started = counts.errors_by_code.find(kNotStarted);
  const std::uint64_t never_made = not_started == counts.errors_by_code.end() ? 0 : not_started->second;
  return seconds > 0.0 ? static_cast<double>(counts.total() - never_made) / seconds : 0.0;
}

}  // namespace dispatchctl::cli
