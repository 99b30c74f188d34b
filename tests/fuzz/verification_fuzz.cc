// What the mock server's admin is asked to verify: lines with an expectation each up to an empty one, then
// bytes that make up what arrived. Held against a plain count.

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "mock-server/recording/verification.h"

using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;
using dispatchctl::mock::CallEvent;
using dispatchctl::mock::EventKind;
using dispatchctl::mock::Expectation;
using dispatchctl::mock::ParseExpectation;
using dispatchctl::mock::Verification;
using dispatchctl::mock::VerifyOptions;

namespace {

constexpr std::size_t kMostExpectations = 8;

std::vector<CallEvent> MakeEvents(FuzzInput& input) {
  constexpr std::array kStatuses{"OK", "NOT_FOUND", ""};
  std::vector<CallEvent> events;
  std::uint64_t stream = 0;
  std::uint64_t update = 0;
  for (std::uint64_t number = 1; !input.empty(); ++number) {
    CallEvent event;
    event.kind = static_cast<EventKind>(input.Below(3));
    if (event.kind == EventKind::kUpdate && stream == 0) event.kind = EventKind::kAssign;
    event.call = number;
    event.listen = input.Below(2);
    if (event.kind != EventKind::kUpdate) event.status = kStatuses[input.Below(kStatuses.size())];
    if (event.kind != EventKind::kAssign) event.courier_id = "c-" + std::to_string(input.Below(3));
    if (event.kind == EventKind::kAssign) {
      stream = number;
      update = 0;
    }
    if (event.kind == EventKind::kUpdate) {
      event.call = stream;
      event.update = ++update;
      event.assignment_id = "a-" + std::to_string(input.Below(3));
      event.zone = "zone-" + std::to_string(input.Below(2));
    }
    events.push_back(std::move(event));
  }
  return events;
}

bool IsAbout(const Expectation& expectation, const CallEvent& event) {
  const auto matches = [](const std::string& glob, const std::string& text) {
    return glob.empty() || fnmatch(glob.c_str(), text.c_str(), 0) == 0;
  };
  return expectation.kind == event.kind && matches(expectation.courier_id, event.courier_id) &&
         matches(expectation.assignment_id, event.assignment_id) && matches(expectation.zone, event.zone) &&
         (expectation.status.empty() || expectation.status == event.status) &&
         (!expectation.listen || *expectation.listen == event.listen);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  std::vector<Expectation> expectations;
  for (std::string_view line = input.Line(); !line.empty(); line = input.Line()) {
    absl::StatusOr<Expectation> expectation = ParseExpectation(line);
    if (!expectation.ok()) {
      Require(expectation.status().code() == absl::StatusCode::kInvalidArgument,
              "a bad one is INVALID_ARGUMENT");
      return 0;
    }
    Require(expectation->text == line && expectation->least <= expectation->most,
            "an expectation can be met");
    if (expectations.size() < kMostExpectations) expectations.push_back(*std::move(expectation));
  }
  VerifyOptions options;
  options.in_order = input.Below(2) == 1;
  options.nothing_else = input.Below(2) == 1;
  const std::vector<CallEvent> events = MakeEvents(input);
  const Verification verification = Verify(events, expectations, options, /*dropped=*/false);

  Require(verification.findings.size() >= expectations.size(), "each expectation has a finding");
  for (std::size_t i = 0; i < expectations.size(); ++i) {
    const auto count =
        static_cast<std::uint64_t>(std::count_if(events.begin(), events.end(), [&](const CallEvent& event) {
          return IsAbout(expectations[i], event);
        }));
    Require(
        verification.findings[i].holds == (count >= expectations[i].least && count <= expectations[i].most),
        "an expectation holds when as many came as it says");
  }
  const bool all_hold = std::all_of(verification.findings.begin(), verification.findings.end(),
                                    [](const Verification::Finding& finding) { return finding.holds; });
  Require(verification.holds == (all_hold && verification.unexpected_count == 0), "it holds when all holds");
  Require(verification.unexpected.size() <= verification.unexpected_count, "what is listed is counted");
  Require(options.nothing_else || verification.unexpected_count == 0,
          "nothing is unexpected unless asked for");
  Require(verification.Complaints().empty() == verification.holds, "what does not hold is complained of");
  return 0;
}
