// The stream machine in the simulation of tests/sim, whose every turn the fuzzer decides.

#include <algorithm>
#include <string>

#include "fuzz_input.h"
#include "stream/stream_machine.h"
#include "tests/sim/stream_simulation.h"

using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;
using dispatchctl::internal::simulation::SplitMix64;
using dispatchctl::internal::simulation::StreamSimulation;

namespace {

// When the fuzzer has said all, the rest follows from a seed, so that the stream comes to its end.
class FuzzedTurns {
 public:
  explicit FuzzedTurns(FuzzInput input) : input_(input) {}

  std::uint64_t Below(std::uint64_t bound) {
    return input_.empty() ? rest_.Below(bound) : input_.Below(bound);
  }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }
  double Unit() { return static_cast<double>(Below(256)) / 256; }

 private:
  FuzzInput input_;
  SplitMix64 rest_{1};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The simulation ends with turns that do no harm, most of which must be left to chance: of the fuzzer's,
  // all might do nothing.
  constexpr std::size_t kMostTurns = 1500;
  StreamSimulation<FuzzedTurns> simulation{FuzzedTurns(FuzzInput(data, std::min(size, kMostTurns)))};
  const std::string& failure = simulation.Run();
  Require(failure.empty(), failure.c_str());
  return 0;
}
