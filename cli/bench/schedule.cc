#include "bench/schedule.h"

#include <algorithm>
#include <cmath>

namespace dispatchctl::cli {
namespace {

constexpr double kSecond = 1e9;
constexpr std::chrono::seconds kLeastCatchUp{1};
constexpr int kCatchUpShare = 10;

double Share(double part, double whole) {
  return whole > 0.0 ? std::clamp(part / whole, 0.0, 1.0) : 1.0;
}

}  // namespace

std::optional<Schedule::Nanoseconds> Schedule::Next(Nanoseconds now) const {
  if (plan_.count.has_value() && measured_ >= *plan_.count) return std::nullopt;
  const Nanoseconds start = open() ? StartOf(taken_) : now;
  const std::optional<Nanoseconds> end = End();
  if (end.has_value() && start >= *end) return std::nullopt;
  return start;
}

void Schedule::Take(Nanoseconds start) {
  ++taken_;
  if (Measured(start)) ++measured_;
}

std::uint64_t Schedule::Overdue(Nanoseconds now) const {
  if (!open()) return 0;
  const std::uint64_t due = FirstFrom(std::min(now, End().value_or(now)));
  const std::uint64_t first = std::max(taken_, FirstFrom(plan_.warmup));
  std::uint64_t overdue = due > first ? due - first : 0;
  if (plan_.count.has_value()) overdue = std::min(overdue, *plan_.count - measured_);
  return overdue;
}

std::optional<Schedule::Nanoseconds> Schedule::LastStart() const {
  if (!open() || !plan_.duration.has_value()) return std::nullopt;
  return *End() + std::max<Nanoseconds>(*plan_.duration / kCatchUpShare, kLeastCatchUp);
}

double Schedule::Progress(Nanoseconds now) const {
  double progress = 0.0;
  if (const std::optional<Nanoseconds> end = End()) {
    progress = Share(static_cast<double>(now.count()), static_cast<double>(end->count()));
  }
  if (plan_.count.has_value()) {
    progress = std::max(progress, Share(static_cast<double>(measured_), static_cast<double>(*plan_.count)));
  }
  return progress;
}

Schedule::Nanoseconds Schedule::StartOf(std::uint64_t index) const {
  return Nanoseconds(std::llround(static_cast<double>(index) * kSecond / *plan_.rate));
}

std::uint64_t Schedule::FirstFrom(Nanoseconds time) const {
  if (time <= Nanoseconds(0)) return 0;
  auto index = static_cast<std::uint64_t>(static_cast<double>(time.count()) * *plan_.rate / kSecond);
  // What was rounded there may be off by one.
  while (index > 0 && StartOf(index - 1) >= time) --index;
  while (StartOf(index) < time) ++index;
  return index;
}

std::optional<Schedule::Nanoseconds> Schedule::End() const {
  if (!plan_.duration.has_value()) return std::nullopt;
  return plan_.warmup + *plan_.duration;
}

}  // namespace dispatchctl::cli
