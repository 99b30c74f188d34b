#include "fleet.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "connections.h"
#include "endpoints/reconnect_schedule.h"
#include "reconnects.h"

namespace dispatchctl::sim {
namespace {

using namespace std::chrono_literals;

// A client calls an endpoint once a minute, as seldom as no breaker can see; a busy one more than once a
// second.
constexpr FleetSize kSmall{.clients = 600, .endpoints = 60};

Variant VariantNamed(const std::string& name) {
  for (const Variant& variant : Variants())
    if (variant.name == name) return variant;
  ADD_FAILURE() << "no variant " << name;
  return {};
}

Variant Default() {
  return VariantNamed("budget and breaker");
}

Report OfSmall(const Scenario& scenario, const Variant& variant = Default()) {
  return Simulate(ManySmallClients(kSmall), scenario, variant);
}

TEST(Connections, EndWithTheProcessAndComeBackAfterABackoff) {
  const Time start{1h};
  const Backend backend{.fault = {.away = true}, .fault_start = start, .fault_end = start + 10s};
  const Connections connections(1, 2ms);
  std::size_t back_within_a_second = 0;
  for (std::size_t client = 0; client < 1000; ++client) {
    EXPECT_TRUE(connections.IsReady(client, 7, backend, start)) << "the news is on its way";
    EXPECT_FALSE(connections.IsReady(client, 7, backend, start + 1ms));
    EXPECT_FALSE(connections.IsReady(client, 7, backend, start + 10s));
    EXPECT_TRUE(connections.IsReady(client, 7, backend, start + 10s + 3602ms)) << "3 s and a fifth";
    const bool back = connections.IsReady(client, 7, backend, start + 11s);
    EXPECT_EQ(connections.IsReady(client, 7, backend, start + 11s), back) << "whenever it is asked";
    if (back) ++back_within_a_second;
  }
  EXPECT_GT(back_within_a_second, 100U);
  EXPECT_LT(back_within_a_second, 900U);
}

TEST(Fleet, IsTheSameForTheSameSeed) {
  for (const FleetRun& run : SubsetRuns(kSmall)) {
    const Report first = Simulate(run.options, run.scenario, run.variant);
    const Report again = Simulate(run.options, run.scenario, run.variant);
    EXPECT_EQ(first.attempts, again.attempts) << run.clients;
    EXPECT_EQ(first.p99_latency, again.p99_latency) << run.clients;
  }
}

TEST(Fleet, RollingDeployCostsNoCall) {
  SimulationOptions options = ManySmallClients(kSmall);
  options.fault = 80s;
  const Report report = Simulate(options, RollingDeploy(kSmall), Default());
  EXPECT_GT(report.fault_success, 0.999);
  EXPECT_GT(report.client_worst_success, 0.97);
  EXPECT_LT(report.fault_amplification, 1.01);
  EXPECT_LT(report.peak_in_fault, 1.3);
}

TEST(Fleet, ZoneThatIsGoneIsLeftAtOnce) {
  const Report report = OfSmall(ZoneIsGone());
  EXPECT_GT(report.fault_success, 0.99);
  EXPECT_LT(report.fault_amplification, 1.05);
  EXPECT_GT(report.load_jain, 0.95) << "the others share what it had";
  ASSERT_TRUE(report.recovery);
  EXPECT_LE(*report.recovery, 1s);
}

TEST(Fleet, BudgetHoldsWhereAZoneRefuses) {
  const RetryThrottling throttling;
  for (const Scenario& scenario : {ZoneRefuses(), ZoneIsSilent(), Overload()}) {
    const Report report = OfSmall(scenario);
    EXPECT_GT(report.most_retries_in_fault, 0U) << scenario.name;
    EXPECT_LT(report.most_unearned_retries, throttling.max_tokens / 2) << scenario.name;
    ASSERT_TRUE(report.recovery) << scenario.name;
    EXPECT_LE(*report.recovery, 10s) << scenario.name;
    EXPECT_LT(report.peak_after_fault, 1.5) << scenario.name;
  }
}

// What docs/simulation.md says of small clients: too few calls to an endpoint for its breaker to open. Should
// that change, so must the page.
TEST(Fleet, BreakersOfSmallClientsStayClosedAndThoseOfBusyOnesOpen) {
  const Report with = OfSmall(ZoneRefuses());
  const Report without = OfSmall(ZoneRefuses(), VariantNamed("budget"));
  EXPECT_EQ(with.attempts, without.attempts);
  EXPECT_LT(with.fault_success, 0.8);
  const Report busy = Simulate(FewBusyClients(kSmall), ZoneRefuses(), Default());
  EXPECT_GT(busy.fault_success, 0.9);
}

TEST(Fleet, AnswersOfAZoneCostRetriesOnceWhateverTheOrderOfTheList) {
  for (const Scenario& scenario : {ZoneRefuses(), ZoneRefusesOfListByZone()}) {
    const Report report = OfSmall(scenario, VariantNamed("naive retries"));
    EXPECT_GT(report.fault_success, 0.98) << scenario.name;
    EXPECT_GT(report.client_p1_success, 0.9) << scenario.name;
  }
}

TEST(Fleet, NaiveRetriesKeepAnOverloadedFleetDown) {
  EXPECT_FALSE(OfSmall(Overload(), VariantNamed("naive retries")).recovery);
  EXPECT_TRUE(OfSmall(Overload(), VariantNamed("no retries")).recovery);
}

TEST(Fleet, HedgesCutTheSlowestAnswersWithinTheirShare) {
  std::size_t hedged = 0;
  for (const FleetRun& run : FaultRuns(kSmall)) {
    if (run.variant.hedging.mode == HedgingMode::kOff) continue;
    ++hedged;
    const Report plain = Simulate(run.options, run.scenario, Default());
    const Report report = Simulate(run.options, run.scenario, run.variant);
    EXPECT_GT(plain.p99_latency, 500ms);
    EXPECT_LT(report.p99_latency, 450ms);
    EXPECT_GT(report.attempts, plain.attempts);
    EXPECT_LT(report.amplification, 1 + run.variant.hedging.max_ratio + 0.03) << "a few more at first";
  }
  EXPECT_EQ(hedged, 1U);
}

TEST(Fleet, SubsetsLoadAllEndpointsAlike) {
  SimulationOptions options = ManySmallClients(kSmall);
  options.endpoints_per_client = 7;
  const Report report = Simulate(options, {.name = "no fault", .fault = {}}, Default());
  EXPECT_EQ(report.attempts, report.calls);
  EXPECT_GT(report.load_jain, 0.97);
}

TEST(Fleet, WeightedRoundRobinOfBusyClientsFollowsTheCapacities) {
  SimulationOptions options = FewBusyClients(kSmall);
  Variant variant = Default();
  const Report in_turn = Simulate(options, UnequalEndpoints(), variant);
  variant.load_balancing = LoadBalancing::kWeightedRoundRobin;
  const Report weighted = Simulate(options, UnequalEndpoints(), variant);
  EXPECT_GT(weighted.load_jain, in_turn.load_jain);
  EXPECT_GT(weighted.fault_success, 0.99);
  EXPECT_LT(weighted.load_max_over_mean, in_turn.load_max_over_mean);
}

TEST(Fleet, F45ConnectsAreSpreadByTheJitterOfTheFirstWait) {
  const Loss loss{.clients = 10000, .away = 5s};
  const Reconnects in_step = ReconnectChannels(loss, /*spread=*/false);
  EXPECT_EQ(in_step.at_once, loss.clients) << "what the jitter is there against";
  EXPECT_EQ(in_step.busiest_slot, loss.clients);
  const Reconnects spread = ReconnectChannels(loss, /*spread=*/true);
  // The first attempts fill 200 ms, and so do the waits after them.
  constexpr auto kSlots = internal::ReconnectSchedule::kSpread / Reconnects::kSlot;
  EXPECT_LT(spread.at_once, 2 * loss.clients / kSlots);
  EXPECT_LT(spread.busiest_slot, 2 * loss.clients / kSlots);
  EXPECT_LT(spread.busiest_second, 4 * loss.clients);
  EXPECT_LE(spread.all_back, loss.away + 3600ms);
}

TEST(Fleet, F45StreamsAreReopenedWithinTheJitterOfTheirBackoff) {
  const Loss loss{.clients = 10000, .away = 5s};
  const Reconnects streams = ReopenStreams(loss);
  EXPECT_EQ(streams.at_once, 0U);
  EXPECT_LT(streams.busiest_slot, 6 * loss.clients / 10) << "the first waits are of 40 to 60 ms";
  EXPECT_LE(streams.all_back, loss.away + 3600ms);
}

}  // namespace
}  // namespace dispatchctl::sim
