// Ten thousand clients that lose one server at one instant, in virtual time: the delays are the client's own,
// the backoff between attempts is what gRPC makes of them (gRPC's connection-backoff.md).

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "connections.h"
#include "endpoints/random.h"
#include "endpoints/reconnect_schedule.h"
#include "transport/reconnect_backoff.h"

namespace dispatchctl::sim {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::size_t kClients = 10000;

// When clients try to connect, in order, each until the first time that the server is back.
std::vector<nanoseconds> Connects(nanoseconds outage, bool jitter) {
  internal::AtomicRandom random(45);
  std::vector<nanoseconds> all;
  for (std::size_t i = 0; i < kClients; ++i) {
    ReconnectTimes times(jitter);
    nanoseconds at = times.FirstWait(random);
    all.push_back(at);
    while (at < outage) all.push_back(at += times.NextWait(random));
  }
  std::sort(all.begin(), all.end());
  return all;
}

// The most within any `window` that begins in [from, to).
std::size_t Peak(const std::vector<nanoseconds>& connects, nanoseconds window, nanoseconds from = 0ns,
                 nanoseconds to = 24h) {
  std::size_t peak = 0;
  std::size_t end = 0;
  for (std::size_t begin = 0; begin < connects.size(); ++begin) {
    if (connects[begin] < from || connects[begin] >= to) continue;
    while (end < connects.size() && connects[end] < connects[begin] + window) ++end;
    peak = std::max(peak, end - begin);
  }
  return peak;
}

// What the jitter is there against: gRPC alone would have every client come back at once, and once more at
// the end of the first backoff.
TEST(Reconnects, WithoutJitterAllComeAtOnce) {
  const std::vector<nanoseconds> connects = Connects(1s, /*jitter=*/false);
  EXPECT_EQ(Peak(connects, 1ms, 0ms, 1ms), kClients);
  EXPECT_EQ(Peak(connects, 1ms, 150ms, 250ms), kClients);
}

TEST(Reconnects, F45TheFirstAttemptOfTenThousandClientsIsSpread) {
  const std::vector<nanoseconds> connects = Connects(0s, /*jitter=*/true);
  ASSERT_EQ(connects.size(), kClients);
  EXPECT_LE(connects.back(), internal::ReconnectSchedule::kSpread);
  // A twentieth of the spread has a twentieth of the clients, or little more.
  EXPECT_LE(Peak(connects, internal::ReconnectSchedule::kSpread / 20), kClients / 20 * 6 / 5);
}

TEST(Reconnects, F45NoAttemptOfTenThousandClientsIsMadeInStep) {
  const std::vector<nanoseconds> connects = Connects(30s, /*jitter=*/true);
  EXPECT_LE(Peak(connects, 10ms), kClients / 10);
  EXPECT_LE(Peak(connects, 10ms, 1s), kClients / 40);
}

TEST(Reconnects, F45TheRateFallsToWhatTheLongestBackoffAllows) {
  const std::vector<nanoseconds> connects = Connects(120s, /*jitter=*/true);
  EXPECT_LE(Peak(connects, 1s, 0s, 1s), 4 * kClients) << "in the first second";
  EXPECT_LE(Peak(connects, 1s, 15s), kClients * 4 / 10) << "one in 2.4 to 3.6 s from each";
}

class AfterOutage : public testing::TestWithParam<nanoseconds> {};

TEST_P(AfterOutage, F45ClientsComeBackSoonAndNotAllAtOnce) {
  const nanoseconds outage = GetParam();
  std::vector<nanoseconds> connects = Connects(outage, /*jitter=*/true);
  std::erase_if(connects, [&](nanoseconds at) { return at < outage; });
  ASSERT_EQ(connects.size(), kClients) << "one attempt each";
  EXPECT_LE(connects.back() - outage, internal::kMaxReconnectBackoff * 6 / 5);
  EXPECT_LE(Peak(connects, 10ms), kClients / 10);
}

INSTANTIATE_TEST_SUITE_P(Reconnects, AfterOutage, testing::Values(50ms, 150ms, 300ms, 1s, 5s, 60s, 300s),
                         [](const auto& test) { return std::to_string(test.param / 1ms) + "ms"; });

}  // namespace
}  // namespace dispatchctl::sim
