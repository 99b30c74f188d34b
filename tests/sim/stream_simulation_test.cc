// Drives the stream machine against a transport and a server that do everything wrong that they can, one
// random step after the other, and holds each step to a plain model of what a resumable stream must do.
//
// DISPATCHCTL_SIMULATION_SEEDS sets how many seeds are run, DISPATCHCTL_SIMULATION_SEED runs a single one.

#include "stream_simulation.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

namespace dispatchctl::internal {
namespace {

using simulation::SplitMix64;
using Simulation = simulation::StreamSimulation<SplitMix64>;

#ifdef NDEBUG
constexpr std::uint64_t kSeeds = 100'000;
#else
constexpr std::uint64_t kSeeds = 5'000;
#endif

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(StreamSimulation, LosesNothingWhateverTheNetworkDoes) {
  const std::uint64_t single = FromEnvironment("DISPATCHCTL_SIMULATION_SEED", ~std::uint64_t{0});
  if (single != ~std::uint64_t{0}) {
    Simulation simulation{SplitMix64(single)};
    EXPECT_EQ(simulation.Run(), "");
    return;
  }
  const std::uint64_t seeds = FromEnvironment("DISPATCHCTL_SIMULATION_SEEDS", kSeeds);
  std::uint64_t reconnects = 0;
  std::uint64_t done = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    Simulation simulation{SplitMix64(seed)};
    ASSERT_EQ(simulation.Run(), "") << "repeat with DISPATCHCTL_SIMULATION_SEED=" << seed;
    reconnects += simulation.reconnects();
    if (simulation.done()) ++done;
  }
  // The runs must have been worth it.
  EXPECT_GT(reconnects, seeds);
  EXPECT_GT(done, seeds / 4);
  EXPECT_LT(done, seeds);
}

}  // namespace
}  // namespace dispatchctl::internal
