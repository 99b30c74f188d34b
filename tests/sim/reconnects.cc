#include "reconnects.h"

#include <absl/status/status.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <utility>

#include "connections.h"
#include "dispatchctl/assignment_stream.h"
#include "endpoints/random.h"
#include "event_queue.h"
#include "stream/stream_machine.h"

namespace dispatchctl::sim {
namespace {

using internal::Generation;

constexpr Time kLost{std::chrono::hours(1)};
constexpr std::ptrdiff_t kSlotsPerSecond = std::chrono::seconds(1) / Reconnects::kSlot;

class Counter {
 public:
  void Count(Time attempt) {
    const auto slot = static_cast<std::size_t>((attempt - kLost) / Reconnects::kSlot);
    if (slot >= attempts_.size()) attempts_.resize(slot + 1);
    ++attempts_[slot];
  }
  void Back(Time time) { last_ = std::max(last_, time); }

  Reconnects Sum() && {
    Reconnects out;
    out.attempts = std::move(attempts_);
    out.all_back = last_ - kLost;
    const auto& slots = out.attempts;
    out.total = std::accumulate(slots.begin(), slots.end(), std::uint64_t{0});
    if (slots.empty()) return out;
    out.at_once = slots.front();
    for (auto slot = slots.begin() + 1; slot != slots.end(); ++slot) {
      out.busiest_slot = std::max(out.busiest_slot, *slot);
      const auto end = slot + std::min(kSlotsPerSecond, slots.end() - slot);
      out.busiest_second = std::max(out.busiest_second, std::accumulate(slot, end, std::uint64_t{0}));
    }
    return out;
  }

 private:
  std::vector<std::uint64_t> attempts_;
  Time last_ = kLost;
};

internal::StreamPolicy DefaultPolicy() {
  const StreamOptions options;
  internal::StreamPolicy policy;
  policy.initial_backoff = options.initial_reconnect_backoff;
  policy.max_backoff = options.max_reconnect_backoff;
  policy.backoff_multiplier = options.reconnect_backoff_multiplier;
  return policy;
}

internal::AttemptEnd Unavailable(Phase phase) {
  return {absl::UnavailableError("the server is away"), phase, Origin::kLocal};
}

// A stream whose only server is lost and comes back.
class Stream final : public internal::StreamActions {
 public:
  Stream(std::uint32_t index, EventQueue<std::uint32_t>& timers, internal::RandomSource& random,
         Counter& counter, Time back)
      : index_(index),
        timers_(timers),
        counter_(counter),
        back_(back),
        machine_(DefaultPolicy(), *this, [&random] { return random.Unit(); }) {}

  void Lose() {
    machine_.Start(kLost);
    machine_.Connected(machine_.generation(), kLost);
    lost_ = true;
    machine_.Ended(machine_.generation(), Unavailable(Phase::kStream), kLost);
  }

  void OnTimer() { machine_.TimerFired(timers_.now()); }

  void OpenCall(Generation generation, bool) override {
    if (!lost_) return;
    const Time now = timers_.now();
    counter_.Count(now);
    if (now >= back_) {
      counter_.Back(now);
      machine_.Connected(generation, now);
    } else {
      machine_.CannotConnect(generation, Unavailable(Phase::kConnect), now);
    }
  }
  void StartTimer(Time when) override { timers_.Schedule(when, index_); }
  void TakeSubmitted() override {}
  void StopTimer() override {}
  void Write(const AssignmentUpdate&, bool) override {}
  void HalfClose() override {}
  void CancelCall() override {}
  void Deliver(internal::Outbox::Acknowledged&&, AssignmentResult&, Time) override {}
  void Seal() override {}
  void Finish(internal::AttemptEnd) override {}

 private:
  const std::uint32_t index_;
  EventQueue<std::uint32_t>& timers_;
  Counter& counter_;
  const Time back_;
  bool lost_ = false;
  internal::StreamMachine machine_;
};

}  // namespace

Reconnects ReconnectChannels(const Loss& loss, bool spread) {
  internal::AtomicRandom random(loss.seed);
  Counter counter;
  for (std::size_t i = 0; i < loss.clients; ++i) {
    ReconnectTimes times(spread);
    Time attempt = kLost + times.FirstWait(random);
    counter.Count(attempt);
    while (attempt < kLost + loss.away) {
      attempt += times.NextWait(random);
      counter.Count(attempt);
    }
    counter.Back(attempt);
  }
  return std::move(counter).Sum();
}

Reconnects ReopenStreams(const Loss& loss) {
  internal::AtomicRandom random(loss.seed);
  Counter counter;
  EventQueue<std::uint32_t> timers(kLost);
  std::deque<Stream> streams;
  for (std::uint32_t i = 0; i < loss.clients; ++i)
    streams.emplace_back(i, timers, random, counter, kLost + loss.away);
  for (Stream& stream : streams) stream.Lose();
  while (!timers.empty()) streams[timers.Next()].OnTimer();
  return std::move(counter).Sum();
}

}  // namespace dispatchctl::sim
