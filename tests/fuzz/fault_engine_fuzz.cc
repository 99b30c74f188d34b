// What the mock server's admin can do to its faults while lookups come, against a plain model: who meets
// which fault, and what is counted.

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fuzz_input.h"
#include "mock-server/faults/fault_engine.h"

using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;
using dispatchctl::mock::FaultCount;
using dispatchctl::mock::FaultEngine;
using dispatchctl::mock::FaultRule;
using dispatchctl::mock::Faults;
using dispatchctl::mock::ParseFault;

namespace {

// A rule as the model has it, and what has come of it.
struct Rule {
  std::string spec;
  std::uint64_t listen;  // kAnywhere: every one
  std::uint64_t nth;
  std::uint64_t after;
  std::uint64_t every;
  std::uint64_t first;
  std::uint64_t max;
  int milliseconds;
  std::string courier;  // empty: any

  std::uint64_t calls = 0;
  std::uint64_t matched = 0;
  std::uint64_t fired = 0;
  std::uint64_t under_way = 0;

  static constexpr std::uint64_t kAnywhere = 2;
};

using RulePtr = std::shared_ptr<Rule>;

RulePtr MakeRule(FuzzInput& input) {
  auto rule = std::make_shared<Rule>();
  rule->listen = input.Below(3);
  rule->nth = input.Below(4);
  rule->after = input.Below(4);
  rule->every = 1 + input.Below(3);
  rule->first = input.Below(4);
  rule->max = input.Below(3);
  rule->milliseconds = static_cast<int>(input.Below(100));
  if (input.Below(4) == 0) rule->courier = "c-1";
  rule->spec = "latency=" + std::to_string(rule->milliseconds) + "ms,every=" + std::to_string(rule->every) +
               ",after=" + std::to_string(rule->after);
  if (rule->listen != Rule::kAnywhere) rule->spec += ",listen=" + std::to_string(rule->listen);
  if (rule->nth != 0) rule->spec += ",nth=" + std::to_string(rule->nth);
  if (rule->first != 0) rule->spec += ",first=" + std::to_string(rule->first);
  if (rule->max != 0) rule->spec += ",max=" + std::to_string(rule->max);
  if (!rule->courier.empty()) rule->spec += ",courier_id=" + rule->courier;
  return rule;
}

// Whether one more lookup meets it.
bool Meets(Rule& rule, std::uint64_t listen, const std::string& courier) {
  if (rule.listen != Rule::kAnywhere && rule.listen != listen) return false;
  if (!rule.courier.empty() && rule.courier != courier) return false;
  ++rule.calls;
  if (rule.nth != 0 && rule.calls != rule.nth) return false;
  ++rule.matched;
  if (rule.matched <= rule.after || (rule.matched - rule.after) % rule.every != 0) return false;
  if (rule.first != 0 && rule.fired == rule.first) return false;
  if (rule.max != 0 && rule.under_way == rule.max) return false;
  ++rule.fired;
  return true;
}

class Driver {
 public:
  explicit Driver(FuzzInput& input) : input_(input) {}

  void Run() {
    while (!input_.empty()) {
      switch (input_.Below(8)) {
        case 0:
          SetRules();
          break;
        case 1:
          AddRules();
          break;
        case 2:
          if (!held_.empty()) Release();
          break;
        default:
          Lookup();
      }
      CheckCounts();
    }
  }

 private:
  struct Held {
    std::unique_ptr<Faults> faults;
    std::vector<RulePtr> rules;
  };

  std::vector<RulePtr> MakeRules(std::vector<FaultRule>& rules) {
    std::vector<RulePtr> model;
    for (std::uint64_t left = input_.Below(4); left != 0; --left) {
      model.push_back(MakeRule(input_));
      absl::StatusOr<FaultRule> rule = ParseFault(model.back()->spec);
      Require(rule.ok(), "the model's rules are rules");
      rules.push_back(*std::move(rule));
    }
    return model;
  }

  void SetRules() {
    std::vector<FaultRule> rules;
    rules_ = MakeRules(rules);
    engine_.Set(std::move(rules));
  }

  void AddRules() {
    std::vector<FaultRule> rules;
    for (RulePtr& rule : MakeRules(rules)) rules_.push_back(std::move(rule));
    engine_.Add(std::move(rules));
  }

  void Release() {
    for (const RulePtr& rule : held_.front().rules) --rule->under_way;
    held_.pop_front();
  }

  void Lookup() {
    const std::uint64_t listen = input_.Below(2);
    const std::string courier = "c-" + std::to_string(input_.Below(2));
    std::vector<RulePtr> met;
    int milliseconds = 0;
    for (const RulePtr& rule : rules_) {
      if (!Meets(*rule, listen, courier)) continue;
      met.push_back(rule);
      milliseconds += rule->milliseconds;
      ++rule->under_way;
    }
    std::unique_ptr<Faults> faults = engine_.OnLookup(listen, courier);
    Require((faults != nullptr) == !met.empty(), "a lookup meets the faults that are for it");
    if (faults == nullptr) return;
    Require(faults->latency == std::chrono::milliseconds(milliseconds), "latencies add up");
    held_.push_back({std::move(faults), std::move(met)});
    if (input_.Below(2) == 0) Release();
  }

  void CheckCounts() {
    Require(engine_.active() == !rules_.empty(), "an engine with rules is active");
    const std::vector<FaultCount> counts = engine_.Counts();
    Require(counts.size() == rules_.size(), "each rule is counted");
    for (std::size_t i = 0; i < counts.size(); ++i) {
      Require(counts[i].spec == rules_[i]->spec && counts[i].matched == rules_[i]->matched &&
                  counts[i].fired == rules_[i]->fired && counts[i].under_way == rules_[i]->under_way,
              "what the rules met is counted");
    }
  }

  FuzzInput& input_;
  FaultEngine engine_{1};
  std::vector<RulePtr> rules_;
  std::deque<Held> held_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  Driver(input).Run();
  return 0;
}
