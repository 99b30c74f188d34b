// Fault specs (--fault, x-mock-fault): what is accepted can happen somewhere, and within bounds.

#include <string>

#include "fuzz_input.h"
#include "mock-server/faults/fault_rule.h"

using dispatchctl::fuzz::AsText;
using dispatchctl::fuzz::Require;
using dispatchctl::mock::FaultName;
using dispatchctl::mock::FaultRule;
using dispatchctl::mock::FaultScope;
using dispatchctl::mock::ParseCallFaults;
using dispatchctl::mock::ParseCallSelection;
using dispatchctl::mock::ParseFault;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string spec(AsText(data, size));
  const absl::StatusOr<FaultRule> selection = ParseCallSelection(spec);
  if (selection.ok()) {
    Require(selection->AppliesTo(FaultScope::kLookup) != selection->AppliesTo(FaultScope::kStream),
            "a selection is of lookups or of streams");
  }
  const absl::StatusOr<FaultRule> rule = ParseFault(spec);
  const auto call_faults = ParseCallFaults({spec});
  if (!rule.ok()) {
    Require(rule.status().code() == absl::StatusCode::kInvalidArgument && !rule.status().message().empty(),
            "a bad spec is INVALID_ARGUMENT, with a reason");
    Require(!call_faults.ok(), "a call's faults are faults");
    return 0;
  }
  Require(rule->spec == spec, "a rule keeps its text");
  Require(spec.rfind(FaultName(rule->kind), 0) == 0, "a rule begins with its name");
  const bool connection = rule->AppliesTo(FaultScope::kConnection);
  Require(connection || rule->AppliesTo(FaultScope::kLookup) || rule->AppliesTo(FaultScope::kStream) ||
              rule->AppliesTo(FaultScope::kUpdate),
          "a rule applies to something");
  Require(call_faults.ok() == !connection, "a call may ask for all but what concerns its connection");
  Require(rule->probability >= 0 && rule->probability <= 1 && rule->every >= 1, "how often is bounded");
  Require(rule->latency.count() >= 0 && rule->bytes <= (std::uint64_t{1} << 50U), "how much is bounded");
  if (rule->pushback) {
    for (const char c : *rule->pushback) Require(c >= ' ' && c <= '~', "metadata is printable ASCII");
  }
  return 0;
}
