#include "connections.h"

#include <algorithm>

#include "endpoints/reconnect_schedule.h"
#include "transport/reconnect_backoff.h"

namespace dispatchctl::sim {
namespace {

// Core's.
constexpr double kMultiplier = 1.6;
constexpr double kJitter = 0.2;

}  // namespace

std::chrono::nanoseconds ReconnectTimes::FirstWait(internal::RandomSource& random) const {
  if (!spread_) return {};
  constexpr Time kLost{std::chrono::hours(1)};
  internal::ReconnectSchedule schedule;
  schedule.OnState(internal::Connectivity::kReady, kLost - std::chrono::minutes(1), 0);
  schedule.OnState(internal::Connectivity::kIdle, kLost, random.Unit());
  return schedule.due().value_or(kLost) - kLost;
}

std::chrono::nanoseconds ReconnectTimes::NextWait(internal::RandomSource& random) {
  double wait = 0;
  if (milliseconds_ == 0) {
    const auto first =
        spread_ ? internal::InitialReconnectBackoff(random.Unit()) : internal::InitialReconnectBackoff(0.5);
    milliseconds_ = static_cast<double>(first.count());
    wait = milliseconds_;
  } else {
    milliseconds_ =
        std::min(milliseconds_ * kMultiplier, static_cast<double>(internal::kMaxReconnectBackoff.count()));
    wait = milliseconds_ * (1 - kJitter + 2 * kJitter * random.Unit());
  }
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double, std::milli>(wait));
}

bool Connections::IsReady(std::size_t client, std::size_t endpoint, const Backend& backend, Time now) const {
  if (!backend.fault.away || now < backend.fault_start + round_trip_ / 2) return true;
  if (now < backend.fault_end) return false;
  if (now > backend.fault_end + internal::kMaxReconnectBackoff * (1 + kJitter) + round_trip_) return true;
  return now >= ReadyAgain(client, endpoint, backend);
}

Time Connections::ReadyAgain(std::size_t client, std::size_t endpoint, const Backend& backend) const {
  constexpr std::uint64_t kEndpointBits = 20;
  internal::AtomicRandom of_seed(seed_ ^ ((static_cast<std::uint64_t>(client) << kEndpointBits) | endpoint));
  internal::AtomicRandom random(of_seed.Next());
  ReconnectTimes times;
  Time attempt = backend.fault_start + round_trip_ / 2 + times.FirstWait(random);
  while (attempt < backend.fault_end) attempt += times.NextWait(random);
  return attempt + round_trip_;
}

}  // namespace dispatchctl::sim
