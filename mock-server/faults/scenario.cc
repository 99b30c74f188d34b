#include "mock-server/faults/scenario.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "mock-server/storage/read_file.h"

namespace dispatchctl::mock {
namespace {

constexpr std::string_view kSpace = " \t\r";

constexpr std::array<std::string_view, 4> kLookupFields = {"courier_id", "transport_mode", "availability",
                                                           "current_zone"};
constexpr std::array<std::string_view, 2> kAssignFields = {"assignment_id", "accepted"};

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

absl::Status WrongScenario(std::string_view what) {
  return absl::InvalidArgumentError(absl::string_view(what.data(), what.size()));
}

// "key=value,..." taken apart.
absl::StatusOr<std::vector<std::pair<std::string_view, std::string_view>>> KeysAndValues(
    std::string_view text) {
  std::vector<std::pair<std::string_view, std::string_view>> result;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return WrongScenario(fmt::format("'{}' is not key=value", word));
    const std::string_view key = word.substr(0, equals);
    const bool twice =
        std::any_of(result.begin(), result.end(), [key](const auto& each) { return each.first == key; });
    if (twice) return WrongScenario(fmt::format("{} is given twice", key));
    result.emplace_back(key, word.substr(equals + 1));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return result;
}

// A step happens once: what says whom and how often has no place there.
bool IsForAll(const FaultRule& rule) {
  return !rule.method.has_value() && rule.courier_id.empty() && rule.assignment_id.empty() &&
         rule.zone.empty() && !rule.listen.has_value() && rule.nth == 0 && rule.nth_message == 0 &&
         rule.probability >= 1 && rule.every == 1 && rule.first == 0 && rule.after == 0 && rule.max == 0;
}

absl::Status CheckStepFault(const FaultRule& rule, Method method) {
  switch (rule.kind) {
    case FaultKind::kLatency:
    case FaultKind::kStatus:
    case FaultKind::kHang:
    case FaultKind::kBigMessage:
    case FaultKind::kBadUtf8:
    case FaultKind::kBadBytes:
      return absl::OkStatus();
    case FaultKind::kHeaders:
      if (method == Method::kLookup) return absl::OkStatus();
      return WrongScenario("headers concerns the stream as a whole; put it before the first expect");
    case FaultKind::kDuplicate:
    case FaultKind::kDropResult:
    case FaultKind::kUnknownId:
      if (method == Method::kAssign && rule.count == 1) return absl::OkStatus();
      return WrongScenario(method == Method::kLookup
                               ? "the fault is for streams; this scenario is for lookups"
                               : "a step has one result; use =1");
    case FaultKind::kCleanCloseAfter:
      if (method == Method::kAssign && rule.count == 0) return absl::OkStatus();
      return WrongScenario(method == Method::kLookup
                               ? "the fault is for streams; this scenario is for lookups"
                               : "in a step use clean-close-after=0");
    default:
      return WrongScenario("the fault is not one for a step");
  }
}

class Parser {
 public:
  explicit Parser(std::string_view name) : name_(name) {}

  void Line(std::string_view text) {
    ++line_;
    text = Trimmed(text);
    if (text.empty() || text.front() == '#') return;
    const std::string_view word = text.substr(0, text.find_first_of(kSpace));
    const std::string_view rest = Trimmed(text.substr(word.size()));
    absl::Status status;
    if (word == "scenario") {
      status = BeginScenario(rest);
    } else if (word == "strict") {
      status = Strict(rest);
    } else if (file_.scenarios.empty()) {
      status = WrongScenario(fmt::format("'{}' stands before the first scenario", word));
    } else if (word == "expect") {
      status = BeginStep(rest);
    } else if (word == "reply") {
      status = Reply(rest);
    } else {
      status = Fault(text);
    }
    if (!status.ok()) Complain(line_, std::string(status.message()));
  }

  ScenarioFile Finish() {
    EndScenario();
    if (file_.scenarios.empty() && file_.errors.empty()) {
      Complain(std::max(line_, 1), "there is no scenario; begin with for example 'scenario lookup'");
    }
    return std::move(file_);
  }

 private:
  void Complain(int line, std::string_view reason) {
    file_.errors.push_back(fmt::format("{}:{}: {}", name_, line, reason));
  }

  std::string Where() const { return fmt::format("{}:{}", name_, line_); }

  Scenario& Current() { return file_.scenarios.back(); }
  Method method() { return Current().selection.method.value_or(Method::kLookup); }

  void EndScenario() {
    if (scenario_line_ == 0 || !Current().steps.empty() || !Current().faults.empty()) return;
    Complain(scenario_line_, "the scenario has no step; add an expect");
  }

  absl::Status Strict(std::string_view rest) {
    if (!rest.empty()) return WrongScenario("strict stands alone on its line");
    if (!file_.scenarios.empty())
      return WrongScenario("strict is for the whole file; put it before the first scenario");
    file_.strict = true;
    return absl::OkStatus();
  }

  absl::Status BeginScenario(std::string_view words) {
    EndScenario();
    scenario_line_ = line_;
    // One that is wrong still takes the lines that follow.
    file_.scenarios.push_back({.where = Where(), .selection = {}, .faults = {}, .steps = {}});
    Current().selection.method = words.starts_with("assign") ? Method::kAssign : Method::kLookup;
    absl::StatusOr<FaultRule> selection = ParseCallSelection(words);
    if (!selection.ok()) return selection.status();
    Current().selection = *std::move(selection);
    return absl::OkStatus();
  }

  absl::Status BeginStep(std::string_view words) {
    Current().steps.push_back(
        {.where = Where(), .courier_id = {}, .assignment_id = {}, .zone = {}, .faults = {}, .reply = {}});
    ScenarioStep& step = Current().steps.back();
    const auto keys = KeysAndValues(words);
    if (!keys.ok()) return keys.status();
    for (const auto& [key, value] : *keys) {
      if (key == "courier_id") {
        step.courier_id = value;
      } else if (key == "assignment_id" && method() == Method::kAssign) {
        step.assignment_id = value;
      } else if (key == "zone" && method() == Method::kAssign) {
        step.zone = value;
      } else {
        return WrongScenario(
            fmt::format("expect: '{}' is not known; use {}", key,
                        method() == Method::kAssign ? "courier_id, assignment_id, zone" : "courier_id"));
      }
      if (value.empty()) return WrongScenario(fmt::format("expect: {} is empty", key));
    }
    return absl::OkStatus();
  }

  absl::Status Reply(std::string_view words) {
    if (Current().steps.empty()) return WrongScenario("reply stands before the first expect");
    const auto fields = KeysAndValues(words);
    if (!fields.ok()) return fields.status();
    if (fields->empty()) return WrongScenario("reply needs a field; use for example reply accepted=false");
    const auto check = [](const auto& allowed, std::string_view field) {
      return std::find(allowed.begin(), allowed.end(), field) != allowed.end()
                 ? absl::OkStatus()
                 : WrongScenario(fmt::format("reply: '{}' is not a field of the answer; use {}", field,
                                             fmt::join(allowed, ", ")));
    };
    for (const auto& [field, value] : *fields) {
      const absl::Status status =
          method() == Method::kLookup ? check(kLookupFields, field) : check(kAssignFields, field);
      if (!status.ok()) return status;
      if (field == "accepted" && value != "true" && value != "false") {
        return WrongScenario(fmt::format("reply: accepted: '{}' is neither true nor false", value));
      }
      Current().steps.back().reply.emplace_back(field, value);
    }
    return absl::OkStatus();
  }

  absl::Status Fault(std::string_view text) {
    absl::StatusOr<FaultRule> rule = ParseFault(text);
    if (!rule.ok()) return rule.status();
    if (!IsForAll(*rule)) {
      return WrongScenario(
          fmt::format("fault '{}': a step happens once; selectors belong to scenario and expect", text));
    }
    if (Current().steps.empty()) {
      if (method() == Method::kLookup)
        return WrongScenario(fmt::format("fault '{}' stands before the first expect", text));
      if (!rule->AppliesTo(FaultScope::kStream)) {
        return WrongScenario(
            fmt::format("fault '{}' is not one for a whole stream; put it after an expect", text));
      }
      Current().faults.push_back(*std::move(rule));
      return absl::OkStatus();
    }
    if (const absl::Status status = CheckStepFault(*rule, method()); !status.ok()) {
      return WrongScenario(fmt::format("fault '{}': {}", text, std::string(status.message())));
    }
    Current().steps.back().faults.push_back(*std::move(rule));
    return absl::OkStatus();
  }

  std::string name_;
  int line_ = 0;
  int scenario_line_ = 0;
  ScenarioFile file_;
};

}  // namespace

ScenarioFile ParseScenarios(std::string_view text, std::string_view name) {
  Parser parser(name);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    parser.Line(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  ScenarioFile file = parser.Finish();
  const auto line_of = [&](const std::string& error) { return std::stoi(error.substr(name.size() + 1)); };
  std::stable_sort(file.errors.begin(), file.errors.end(),
                   [&](const std::string& a, const std::string& b) { return line_of(a) < line_of(b); });
  return file;
}

absl::StatusOr<ScenarioFile> LoadScenarios(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  ScenarioFile parsed = ParseScenarios(*text, path);
  if (!parsed.errors.empty()) return WrongScenario(fmt::format("{}", fmt::join(parsed.errors, "\n")));
  return parsed;
}

}  // namespace dispatchctl::mock
