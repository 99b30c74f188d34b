#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "stream/stream_machine.h"
#include "tests/support/slowdown.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Of sanitizer/allocator_interface.h, which GCC 12 does not install.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A server that answers what it gets, and ends every call after ten results with as many updates unanswered.
class FickleServer final : public StreamActions {
 public:
  static constexpr int kResultsOfACall = 10;
  static constexpr int kLeftUnanswered = 10;

  FickleServer() : machine_(Policy(), *this, [] { return 0.5; }) { machine_.Start(now_); }

  void RunCalls(std::uint64_t calls) {
    for (std::uint64_t i = 0; i < calls; ++i) RunCall();
  }

  const StreamMachine& machine() const { return machine_; }

 private:
  static StreamPolicy Policy() {
    StreamPolicy policy;
    policy.initial_backoff = milliseconds(1);
    policy.max_backoff = milliseconds(1);
    policy.idle_timeout = seconds(30);
    policy.poison_limit = 5;
    return policy;
  }

  void RunCall() {
    if (timer_ > now_) now_ = timer_;
    if (machine_.state() == StreamState::kBackoff) machine_.TimerFired(now_);
    machine_.Connected(generation_, now_);
    while (written_.size() < kResultsOfACall + kLeftUnanswered) machine_.Writable(generation_, now_);
    for (int i = 0; i < kResultsOfACall; ++i) {
      AssignmentResult result{std::move(written_.front()), true};
      written_.pop_front();
      machine_.Result(generation_, result, now_);
    }
    written_.clear();
    machine_.Ended(generation_, {absl::UnavailableError("Socket closed"), Phase::kStream, Origin::kLocal},
                   now_);
  }

  void OpenCall(Generation generation, bool) override { generation_ = generation; }
  void TakeSubmitted() override {
    machine_.Submit({"assignment-with-a-long-name-" + std::to_string(next_), "courier-1", "zone-1"}, next_);
    ++next_;
  }
  void Write(const AssignmentUpdate& update, bool) override { written_.push_back(update.assignment_id); }
  void HalfClose() override {}
  void CancelCall() override {}
  void StartTimer(Outbox::Time when) override { timer_ = when; }
  void StopTimer() override {}
  void Deliver(Outbox::Acknowledged&&, AssignmentResult&, Outbox::Time) override {}
  void Seal() override {}
  void Finish(AttemptEnd end) override { FAIL() << end.status; }

  Outbox::Time now_{std::chrono::hours(1)};
  Outbox::Time timer_;
  Generation generation_ = 0;
  std::uint64_t next_ = 0;
  std::deque<std::string> written_;
  StreamMachine machine_;
};

std::size_t BytesInUse() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

TEST(StreamMachine, KeepsItsMemoryFlatOverAMillionReconnectsAndTenMillionResults) {
  // Under a sanitizer a share of them, each of which it looks at more closely.
  constexpr std::uint64_t kReconnects = 1'000'000 / kSlowdown;
  constexpr std::uint64_t kWarmUp = 1'000;
  FickleServer server;
  server.RunCalls(kWarmUp);
  const std::size_t before = BytesInUse();
  server.RunCalls(kReconnects);
  EXPECT_LT(BytesInUse(), before + 16 * 1024);
  EXPECT_GE(server.machine().statistics().reconnects, kReconnects);
  EXPECT_GE(server.machine().statistics().acknowledged, kReconnects * FickleServer::kResultsOfACall);
}

}  // namespace
}  // namespace dispatchctl::internal
