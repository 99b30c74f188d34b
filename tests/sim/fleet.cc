#include "fleet.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace dispatchctl::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBusyClientsShare = 100;
constexpr std::size_t kDeployBatches = 20;
constexpr std::chrono::seconds kDeployLasts = 80s;  // each endpoint is away for 4 s of it, the first to drain

Variant Default() {
  return Variants().back();
}

Variant Hedged() {
  Variant variant = Default();
  variant.name = "and hedges";
  variant.hedging = {.mode = HedgingMode::kFixed, .delay = 250ms};
  return variant;
}

}  // namespace

SimulationOptions ManySmallClients(const FleetSize& size) {
  SimulationOptions options;
  options.clients = size.clients;
  options.endpoints = size.endpoints;
  options.calls_per_second = 1;
  options.headroom = 2;  // enough without a third of the endpoints
  options.before = 10s;
  options.fault = 40s;
  options.after = 30s;
  options.seed = size.seed;
  return options;
}

SimulationOptions FewBusyClients(const FleetSize& size) {
  SimulationOptions options = ManySmallClients(size);
  options.clients = std::max<std::size_t>(size.clients / kBusyClientsShare, 1);
  options.calls_per_second = static_cast<double>(size.clients) / static_cast<double>(options.clients);
  return options;
}

Scenario ZoneRefuses() {
  return {.name = "a zone refuses", .fault = {.refuses_all = true}, .zones = 3};
}

Scenario ZoneRefusesOfListByZone() {
  return {.name = "a zone refuses (list by zone)",
          .fault = {.refuses_all = true},
          .zones = 3,
          .list_is_by_zone = true};
}

Scenario ZoneIsGone() {
  return {.name = "a zone is gone", .fault = {.away = true}, .zones = 3};
}

Scenario ZoneIsSilent() {
  return {.name = "a zone is silent", .fault = {.silent = true}, .zones = 3};
}

Scenario Overload() {
  Scenario scenario = BrownOut();
  scenario.name = "overload";
  return scenario;
}

Scenario SomeAreSlow() {
  return {.name = "4 % are slow", .fault = {.extra_latency = 500ms}, .zones = 25};
}

Scenario RollingDeploy(const FleetSize& size) {
  return {.name = "rolling deploy",
          .fault = {.away = true, .drain = 1s},
          .at_a_time = std::max<std::size_t>(size.endpoints / kDeployBatches, 1)};
}

Scenario UnequalEndpoints() {
  return {.name = "unequal endpoints", .fault = {}, .speeds = {0.4, 1, 1.6}};
}

std::vector<FleetRun> FaultRuns(const FleetSize& size) {
  std::vector<FleetRun> runs;
  for (const Scenario& scenario : {FullOutage(), ZoneRefuses(), ZoneRefusesOfListByZone(), ZoneIsGone(),
                                   ZoneIsSilent(), Overload(), SomeAreSlow(), RollingDeploy(size)}) {
    SimulationOptions options = ManySmallClients(size);
    if (scenario.at_a_time != 0) options.fault = kDeployLasts;
    std::vector<Variant> variants{Variants()[0], Variants()[1], Default()};
    if (scenario.fault.extra_latency > 0s) variants.push_back(Hedged());
    for (Variant& variant : variants) runs.push_back({"many small", options, scenario, std::move(variant)});
  }
  return runs;
}

std::vector<FleetRun> SubsetRuns(const FleetSize& size) {
  const std::size_t of_small = std::max<std::size_t>(size.endpoints / 50, 1);
  const std::size_t of_busy = std::max<std::size_t>(size.endpoints / 10, 1);
  SimulationOptions few_of_small = ManySmallClients(size);
  few_of_small.endpoints_per_client = of_small;
  SimulationOptions few_of_busy = FewBusyClients(size);
  few_of_busy.endpoints_per_client = of_busy;
  return {
      {"many small, all endpoints", ManySmallClients(size), ZoneRefuses(), Default()},
      {"many small, " + std::to_string(of_small) + " endpoints each", few_of_small, ZoneRefuses(), Default()},
      {"few busy, all endpoints", FewBusyClients(size), ZoneRefuses(), Default()},
      {"few busy, " + std::to_string(of_busy) + " endpoints each", few_of_busy, ZoneRefuses(), Default()}};
}

std::vector<FleetRun> BalancerRuns(const FleetSize& size) {
  std::vector<FleetRun> runs;
  for (const auto& [clients, options] :
       {std::pair{"many small", ManySmallClients(size)}, std::pair{"few busy", FewBusyClients(size)}}) {
    for (const LoadBalancing balancing : {LoadBalancing::kRoundRobin, LoadBalancing::kLeastRequest,
                                          LoadBalancing::kWeightedRoundRobin, LoadBalancing::kRingHash}) {
      Variant variant = Default();
      variant.name = LoadBalancingName(balancing);
      variant.load_balancing = balancing;
      runs.push_back({clients, options, UnequalEndpoints(), std::move(variant)});
    }
  }
  return runs;
}

}  // namespace dispatchctl::sim
