#include "simulation.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dispatchctl::sim {
namespace {

using namespace std::chrono_literals;

// As the default run, with fewer clients: the service shrinks with them, so what each meets is the same.
SimulationOptions Options() {
  SimulationOptions options;
  options.clients = 300;
  return options;
}

Variant VariantNamed(const std::string& name) {
  for (const Variant& variant : Variants())
    if (variant.name == name) return variant;
  ADD_FAILURE() << "no variant " << name;
  return {};
}

// A run takes a second or two, and several tests look at the same one.
const Report& ReportOf(const Scenario& scenario, const std::string& variant) {
  static std::vector<std::pair<std::string, Report>> runs;
  const std::string name = scenario.name + ", " + variant;
  for (const auto& [other, report] : runs)
    if (other == name) return report;
  runs.reserve(16);
  runs.emplace_back(name, Simulate(Options(), scenario, VariantNamed(variant)));
  return runs.back().second;
}

TEST(EventQueue, GoesByTimeThenByOrder) {
  const Time start{1s};
  EventQueue<int> events(start);
  events.Schedule(start + 2s, 3);
  events.Schedule(start + 1s, 1);
  events.Schedule(start + 1s, 2);
  EXPECT_EQ(events.Next(), 1);
  EXPECT_EQ(events.now(), start + 1s);
  events.Schedule(start, 9);
  EXPECT_EQ(events.Next(), 2);
  EXPECT_EQ(events.Next(), 9);
  EXPECT_EQ(events.now(), start + 1s) << "time does not go back";
  EXPECT_EQ(events.Next(), 3);
  EXPECT_TRUE(events.empty());
}

class ServiceTest : public testing::Test {
 protected:
  static constexpr Time kStart{1h};

  // Two endpoints of 10 requests a second, with a fault from the second second to the third.
  static Service TenPerSecond(const Fault& fault = {}) {
    return {{.round_trip = 0ns, .queue_seconds = 1},
            {2, {.capacity = 10, .fault = fault, .fault_start = kStart + 1s, .fault_end = kStart + 2s}}};
  }

  internal::AtomicRandom random_{1};
};

TEST_F(ServiceTest, AnswersOneAfterTheOther) {
  Service service = TenPerSecond();
  EXPECT_EQ(service.Send(0, kStart, random_).at, kStart + 100ms);
  EXPECT_EQ(service.Send(0, kStart, random_).at, kStart + 200ms);
  EXPECT_EQ(service.Send(1, kStart, random_).at, kStart + 100ms) << "each endpoint has its own queue";
  EXPECT_EQ(service.Send(0, kStart + 150ms, random_).at, kStart + 300ms);
  EXPECT_EQ(service.Send(0, kStart + 1s, random_).at, kStart + 1100ms) << "idle meanwhile";
}

TEST_F(ServiceTest, RefusesWhatDoesNotFitIntoItsQueue) {
  Service service = TenPerSecond();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(service.Send(0, kStart, random_).ok);
  const Service::Answer refused = service.Send(0, kStart, random_);
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.at, kStart);
  EXPECT_TRUE(service.Send(0, kStart + 101ms, random_).ok);
}

TEST_F(ServiceTest, IsSlowerDuringAFaultAndCatchesUpAfterIt) {
  Service service = TenPerSecond({.capacity_factor = 0.5});
  EXPECT_EQ(service.Send(0, kStart + 950ms, random_).at, kStart + 1100ms) << "half done when it began";
  EXPECT_EQ(service.Send(1, kStart + 1s, random_).at, kStart + 1200ms);
  EXPECT_EQ(service.Send(1, kStart + 1900ms, random_).at, kStart + 2050ms);
}

TEST_F(ServiceTest, RefusesAllDuringAnOutage) {
  Service service = TenPerSecond({.refuses_all = true});
  EXPECT_TRUE(service.Send(0, kStart + 1s - 1ns, random_).ok);
  EXPECT_FALSE(service.Send(0, kStart + 1s, random_).ok);
  EXPECT_FALSE(service.Send(0, kStart + 2s - 1ns, random_).ok);
  EXPECT_TRUE(service.Send(0, kStart + 2s, random_).ok);
}

TEST_F(ServiceTest, LosesWhatADrainDoesNotGetDone) {
  Service service = TenPerSecond({.away = true, .drain = 200ms});
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(service.Send(0, kStart + 600ms, random_).ok) << "by 1200 ms";
  const Service::Answer lost = service.Send(0, kStart + 600ms, random_);
  EXPECT_FALSE(lost.ok);
  EXPECT_EQ(lost.at, kStart + 1200ms);
  EXPECT_FALSE(service.Send(0, kStart + 1s, random_).ok) << "takes nothing new";
  EXPECT_TRUE(service.Send(0, kStart + 2s, random_).ok);
}

TEST_F(ServiceTest, SaysNothingWhileItIsSilent) {
  Service service = TenPerSecond({.silent = true});
  EXPECT_EQ(service.Send(0, kStart + 850ms, random_).at, kStart + 950ms);
  EXPECT_EQ(service.Send(0, kStart + 950ms, random_).at, Time::max()) << "its answer is lost";
  EXPECT_EQ(service.Send(0, kStart + 1500ms, random_).at, Time::max());
  EXPECT_TRUE(service.Send(0, kStart + 2s, random_).ok);
}

TEST_F(ServiceTest, IsLateByTheExtraLatency) {
  Service service = TenPerSecond({.extra_latency = 300ms});
  EXPECT_EQ(service.Send(0, kStart + 500ms, random_).at, kStart + 600ms);
  EXPECT_EQ(service.Send(0, kStart + 1500ms, random_).at, kStart + 1900ms);
}

TEST(Simulation, IsTheSameForTheSameSeed) {
  SimulationOptions options = Options();
  options.clients = 20;
  const Report first = Simulate(options, BrownOut(), VariantNamed("budget and breaker"));
  const Report again = Simulate(options, BrownOut(), VariantNamed("budget and breaker"));
  options.seed = 2;
  const Report other = Simulate(options, BrownOut(), VariantNamed("budget and breaker"));
  EXPECT_EQ(first.calls, again.calls);
  EXPECT_EQ(first.attempts, again.attempts);
  EXPECT_NE(first.calls, other.calls);
}

TEST(Simulation, WithoutAFaultEveryCallTakesOneAttempt) {
  for (const Variant& variant : Variants()) {
    SimulationOptions options = Options();
    options.clients = 100;
    const Report report = Simulate(options, {"no fault", {}}, variant);
    EXPECT_EQ(report.attempts, report.calls) << variant.name;
    EXPECT_EQ(report.fault_success, 1) << variant.name;
    EXPECT_EQ(report.recovery, 0s) << variant.name;
  }
}

// What the policies are there against: without it, none of the tests below would say much.
TEST(Simulation, NaiveRetriesMakeAStorm) {
  const Report& outage = ReportOf(FullOutage(), "naive retries");
  EXPECT_GT(outage.fault_amplification, 3.5);
  EXPECT_GT(outage.peak_in_fault, 3.5);
  EXPECT_GT(outage.most_retries_in_fault, 100U);
}

// Metastable: the cause is gone, and the retries alone keep the service down.
TEST(Simulation, NaiveRetriesKeepAServiceDownThatNoRetriesWouldLetRecover) {
  EXPECT_LE(*ReportOf(BrownOut(), "no retries").recovery, 10s);
  const Report& naive = ReportOf(BrownOut(), "naive retries");
  EXPECT_EQ(naive.recovery, std::nullopt);
  EXPECT_GT(naive.peak_after_fault, 3);
  // Of the last half minute but the last seconds, when no new calls come.
  Second late;
  for (std::size_t i = naive.seconds.size() - 40; i < naive.seconds.size() - 10; ++i) {
    late.calls += naive.seconds[i].calls;
    late.successes += naive.seconds[i].successes;
  }
  EXPECT_LT(10 * late.successes, late.calls);
}

class WithBudget : public testing::TestWithParam<const char*> {};

// Half of the tokens and no success to earn more: fewer retries than that, whatever the number of calls. An
// attempt under way when the outage begins may still earn a tenth of a token, hence `<=`.
TEST_P(WithBudget, F19RetriesInAFullOutageEndWithHalfOfTheTokens) {
  const Report& report = ReportOf(FullOutage(), GetParam());
  EXPECT_GT(report.most_retries_in_fault, 0U);
  EXPECT_LE(static_cast<double>(report.most_retries_in_fault), Options().throttling.max_tokens / 2);
}

TEST_P(WithBudget, NoClientRetriesMoreThanItsSuccessesHaveEarnedAndHalfOfTheTokens) {
  for (const Scenario& scenario : {FullOutage(), BrownOut()}) {
    const Report& report = ReportOf(scenario, GetParam());
    EXPECT_LT(report.most_unearned_retries, Options().throttling.max_tokens / 2) << scenario.name;
  }
  EXPECT_GT(ReportOf(FullOutage(), "naive retries").most_unearned_retries,
            Options().throttling.max_tokens / 2);
}

TEST_P(WithBudget, F20AmplificationStaysUnderOnePlusTheTokenRatio) {
  for (const Scenario& scenario : {FullOutage(), BrownOut()}) {
    const Report& report = ReportOf(scenario, GetParam());
    EXPECT_LE(report.amplification, 1 + Options().throttling.token_ratio) << scenario.name;
    EXPECT_LE(report.fault_amplification, 1 + Options().throttling.token_ratio) << scenario.name;
  }
}

TEST_P(WithBudget, F19SuccessReturnsWithinSecondsAndWithoutAStorm) {
  for (const Scenario& scenario : {FullOutage(), BrownOut()}) {
    const Report& report = ReportOf(scenario, GetParam());
    ASSERT_TRUE(report.recovery) << scenario.name;
    EXPECT_LE(*report.recovery, 5s) << scenario.name;
    EXPECT_LE(report.peak_after_fault, 1.5) << scenario.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Simulation, WithBudget, testing::Values("budget", "budget and breaker"),
                         [](const auto& test) {
                           return std::string(test.param) == "budget" ? "Alone" : "AndBreaker";
                         });

TEST(Simulation, F19BreakersKeepMostOfTheLoadOffAServiceThatIsDown) {
  const Report& without = ReportOf(FullOutage(), "budget");
  const Report& with = ReportOf(FullOutage(), "budget and breaker");
  EXPECT_GT(without.fault_amplification, 0.95);
  EXPECT_LT(with.fault_amplification, 0.5) << "probes only";
}

TEST(Simulation, BreakersLetAnOverloadedServiceDoMoreOfItsWork) {
  EXPECT_GT(ReportOf(BrownOut(), "budget and breaker").fault_success,
            2 * ReportOf(BrownOut(), "budget").fault_success);
}

}  // namespace
}  // namespace dispatchctl::sim
