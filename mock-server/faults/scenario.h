#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/faults/fault_rule.h"

namespace dispatchctl::mock {

// What is expected next, and what happens then.
struct ScenarioStep {
  // FILE:LINE.
  std::string where;
  // Globs as of fnmatch(3); empty: any.
  std::string courier_id;
  std::string assignment_id;
  std::string zone;
  std::vector<FaultRule> faults;
  // Fields of the answer and what they are to hold instead.
  std::vector<std::pair<std::string, std::string>> reply;
};

// Steps in order: one for each update of a stream it is for, from the stream's beginning; or one for each
// lookup it is for, of all there are. What comes after the last step is served as usual, unless the file is
// strict.
struct Scenario {
  std::string where;
  // Which calls it is for. For streams, as if it were a fault of the whole stream.
  FaultRule selection;
  // Of the stream as a whole.
  std::vector<FaultRule> faults;
  std::vector<ScenarioStep> steps;
};

struct ScenarioFile {
  std::vector<Scenario> scenarios;
  // Whether calls that no scenario is for, and what comes after a scenario's last step, end with
  // FAILED_PRECONDITION instead of being served as usual.
  bool strict = false;
  // "FILE:LINE: reason", by line. If there are any, the scenarios are not to be used.
  std::vector<std::string> errors;
};

// One word a line, blank lines and lines that begin with '#' apart:
//
//   strict                         before the first scenario: what no step is for is an error
//   scenario METHOD[,key=value...] lookup or assign; listen, nth, after, every, first, prob, max; courier_id
//                                  for lookups
//     expect [key=glob,...]        a step; courier_id, and for assign assignment_id and zone
//     KIND[=ARG]                   a fault for the step, or for the stream if it stands before the first step
//     reply field=value,...        what the step's answer holds
//
// `name` stands for the file in errors and in what clients are told.
ScenarioFile ParseScenarios(std::string_view text, std::string_view name);

// INVALID_ARGUMENT has all the errors, a line each, or why the file cannot be read.
absl::StatusOr<ScenarioFile> LoadScenarios(const std::string& path);

}  // namespace dispatchctl::mock
