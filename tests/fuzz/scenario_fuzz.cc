// Scenario files, and what a mock server that was given one makes of a few calls.

#include <algorithm>
#include <string>

#include "fuzz_input.h"
#include "mock-server/faults/fault_engine.h"
#include "mock-server/faults/scenario.h"

using dispatchctl::fuzz::AsText;
using dispatchctl::fuzz::Require;
using dispatchctl::mock::FaultEngine;
using dispatchctl::mock::ParseScenarios;
using dispatchctl::mock::Scenario;
using dispatchctl::mock::ScenarioFile;

namespace {

constexpr std::string_view kName = "file:1";

void CheckErrors(const ScenarioFile& file, int lines) {
  int last = 1;
  for (const std::string& error : file.errors) {
    Require(error.substr(0, kName.size() + 1) == "file:1:", "an error names the file");
    const int line = std::stoi(error.substr(kName.size() + 1));
    Require(line >= last && line <= lines, "an error names its line, and errors are in their order");
    last = line;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(data, size);
  ScenarioFile file = ParseScenarios(text, kName);
  if (!file.errors.empty()) {
    CheckErrors(file, 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n')));
    return 0;
  }
  Require(!file.scenarios.empty(), "a file without errors has a scenario");
  for (const Scenario& scenario : file.scenarios) {
    Require(scenario.selection.method.has_value(), "a scenario is for one method");
    Require(!scenario.steps.empty() || !scenario.faults.empty(), "a scenario does something");
  }
  const bool strict = file.strict;
  FaultEngine engine(7, std::move(file));
  Require(engine.active(), "there is something to play");
  for (int call = 0; call < 4; ++call) {
    const auto lookup = engine.OnLookup(0, "courier-42");
    Require(!strict || lookup != nullptr, "a strict file leaves no call alone");
    FaultEngine::Stream stream(&engine, 0);
    stream.OnStart();
    for (std::uint64_t number = 1; number <= 3; ++number)
      stream.OnUpdate(
          {.assignment_id = "a-1", .courier_id = "courier-42", .zone = "zone-7", .number = number});
  }
  return 0;
}
