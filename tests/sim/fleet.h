#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "simulation.h"

namespace dispatchctl::sim {

// How large a fleet is.
struct FleetSize {
  std::size_t clients = 10000;
  std::size_t endpoints = 500;
  std::uint64_t seed = 1;
};

struct FleetRun {
  std::string clients;  // what they are like
  SimulationOptions options;
  Scenario scenario;
  Variant variant;
};

// The clients of a fleet: all call each endpoint, once a second.
SimulationOptions ManySmallClients(const FleetSize& size);

// A hundredth as many with a hundred times the calls each: gateways that call for others.
SimulationOptions FewBusyClients(const FleetSize& size);

// What happens to a fleet.
Scenario ZoneRefuses();
Scenario ZoneRefusesOfListByZone();
Scenario ZoneIsGone();
Scenario ZoneIsSilent();
Scenario Overload();
Scenario SomeAreSlow();
Scenario RollingDeploy(const FleetSize& size);
Scenario UnequalEndpoints();

// Each of these but the last, and an outage of all, for each kind of clients.
std::vector<FleetRun> FaultRuns(const FleetSize& size);

// A zone refuses: many clients and few, of all endpoints and of a subset.
std::vector<FleetRun> SubsetRuns(const FleetSize& size);

// Endpoints of unequal capacity under each balancer.
std::vector<FleetRun> BalancerRuns(const FleetSize& size);

}  // namespace dispatchctl::sim
