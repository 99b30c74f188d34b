#include "mock-server/faults/fault_engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <random>
#include <utility>

namespace dispatchctl::mock {
namespace {

bool Matches(const std::string& glob, std::string_view text) {
  return glob.empty() || fnmatch(glob.c_str(), std::string(text).c_str(), 0) == 0;
}

// Uniform in [0, 1), the same in every standard library.
double Draw(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11U) * 0x1p-53;
}

}  // namespace

struct FaultEngine::RuleState {
  RuleState(FaultRule given, std::uint64_t seed) : rule(std::move(given)), random(seed) {}

  // Whether one more of what the selectors matched meets the fault.
  bool Fires() {
    ++matched;
    if (matched <= rule.after || (matched - rule.after) % rule.every != 0) return false;
    if (rule.first != 0 && fired >= rule.first) return false;
    if (rule.probability < 1 && Draw(random) >= rule.probability) return false;
    if (rule.max != 0 && under_way->load(std::memory_order_relaxed) >= rule.max) return false;
    ++fired;
    return true;
  }

  FaultRule rule;
  std::mt19937_64 random;
  std::uint64_t calls = 0;
  std::uint64_t matched = 0;
  std::uint64_t fired = 0;
  // For as long as what it gives back lives, one more is under the fault.
  std::shared_ptr<void> Hold() {
    under_way->fetch_add(1, std::memory_order_relaxed);
    return {nullptr, [count = under_way](void* /*none*/) { count->fetch_sub(1, std::memory_order_relaxed); }};
  }

  void Apply(ConnectionFaults& faults) {
    faults.under_way.push_back(Hold());
    const auto least = [](std::optional<std::uint64_t>& value, std::uint64_t other) {
      value = std::min(value.value_or(other), other);
    };
    if (rule.kind == FaultKind::kRefuse) faults.refuse = true;
    if (rule.kind == FaultKind::kTcpResetAfter) least(faults.reset_after, rule.bytes);
    if (rule.kind == FaultKind::kBlackhole) least(faults.blackhole_after, rule.bytes);
    if (rule.kind == FaultKind::kBadBytesAfter) least(faults.bad_bytes_after, rule.bytes);
    if (rule.kind == FaultKind::kDrip) least(faults.drip, rule.bytes);
    if (rule.kind == FaultKind::kGoawayAfter &&
        (faults.goaway_after == 0 || rule.count < faults.goaway_after))
      faults.goaway_after = rule.count;
  }

  // Outlives the rule: what met the fault may.
  std::shared_ptr<std::atomic<std::uint64_t>> under_way = std::make_shared<std::atomic<std::uint64_t>>(0);
};

void FaultEngine::Apply(RuleState& state, std::unique_ptr<Faults>& faults) const {
  if (faults == nullptr) faults = std::make_unique<Faults>();
  faults->under_way.push_back(state.Hold());
  Apply(state.rule, fmt::format("mock-unknown-{}", state.fired), *faults);
}

void FaultEngine::Apply(const FaultRule& rule, std::string unknown_id, Faults& faults) const {
  if (on_fault_) on_fault_(rule.kind);
  const auto end = [&](FaultEnding ending) {
    if (!faults.ending.has_value() || ending.after < faults.ending->after) faults.ending = std::move(ending);
  };
  switch (rule.kind) {
    case FaultKind::kLatency:
      faults.latency += rule.latency;
      break;
    case FaultKind::kStatus:
    case FaultKind::kCloseAfter:
      end({.after = rule.count,
           .code = rule.code,
           .message = rule.message.empty() ? fmt::format("fault '{}'", rule.spec) : rule.message,
           .pushback = rule.pushback});
      break;
    case FaultKind::kCleanCloseAfter:
      end({.after = rule.count, .code = absl::StatusCode::kOk, .message = {}, .pushback = {}});
      break;
    case FaultKind::kHang:
      faults.hang = true;
      break;
    case FaultKind::kBigMessage:
      faults.message_bytes += rule.bytes;
      break;
    case FaultKind::kBadUtf8:
      if (faults.corruption == Corruption::kNone) faults.corruption = Corruption::kBadUtf8;
      break;
    case FaultKind::kBadBytes:
      if (faults.corruption == Corruption::kNone) faults.corruption = Corruption::kBadBytes;
      break;
    case FaultKind::kHeaders:
      faults.header_bytes += rule.bytes;
      break;
    case FaultKind::kDuplicate:
      faults.duplicate = true;
      break;
    case FaultKind::kDropResult:
      faults.drop_result = true;
      break;
    case FaultKind::kUnknownId:
      faults.unknown_id = std::move(unknown_id);
      break;
    case FaultKind::kReorder:
      if (faults.reorder == 0) faults.reorder = rule.count;
      break;
    case FaultKind::kSlowRead:
      if (!faults.read_limit.has_value()) faults.read_limit = rule.count;
      break;
    case FaultKind::kGoawayAfter:
    case FaultKind::kTcpResetAfter:
    case FaultKind::kRefuse:
    case FaultKind::kDrip:
    case FaultKind::kBadBytesAfter:
    case FaultKind::kBlackhole:
      break;  // for connections
  }
}

struct FaultEngine::ScenarioState {
  ScenarioState(Scenario given, std::uint64_t seed)
      : scenario(std::move(given)), selection(scenario.selection, seed) {}

  // Whether it is for one more call of those the selection's words about whom match.
  bool Takes() {
    const std::uint64_t number = ++selection.calls;
    return (selection.rule.nth == 0 || selection.rule.nth == number) && selection.Fires();
  }

  // Why it is not for a call that nothing was for. Never empty.
  std::vector<std::string> Misses(Method method, std::size_t listen, std::string_view courier_id) const {
    const FaultRule& rule = selection.rule;
    std::vector<std::string> misses;
    if (rule.method != method)
      misses.emplace_back(method == Method::kLookup ? "it is for assign" : "it is for lookup");
    if (rule.listen.value_or(listen) != listen)
      misses.push_back(fmt::format("listen is {}, expected {}", listen, *rule.listen));
    if (method == Method::kLookup && !Matches(rule.courier_id, courier_id))
      misses.push_back(fmt::format("courier_id is '{}', expected '{}'", courier_id, rule.courier_id));
    if (misses.empty() && method == Method::kLookup && next_step >= scenario.steps.size())
      misses.push_back(fmt::format("its {} steps are all taken", scenario.steps.size()));
    if (misses.empty()) misses.push_back(fmt::format("'{}' does not take this one", rule.spec));
    return misses;
  }

  const Scenario scenario;
  RuleState selection;
  // Of lookups.
  std::size_t next_step = 0;
};

// How one step of a scenario, or the lack of one, looks to a call.
struct FaultEngine::Play {
  static std::unique_ptr<Faults> End(std::string message) {
    auto faults = std::make_unique<Faults>();
    faults->ending = {.after = 0,
                      .code = absl::StatusCode::kFailedPrecondition,
                      .message = std::move(message),
                      .pushback = {}};
    return faults;
  }

  // Never null.
  static std::unique_ptr<Faults> Step(const FaultEngine& engine, const ScenarioStep& step,
                                      const Stream::Update& update) {
    std::vector<std::string> misses;
    const auto expect = [&](std::string_view key, const std::string& glob, std::string_view text) {
      if (!Matches(glob, text)) misses.push_back(fmt::format("{} is '{}', expected '{}'", key, text, glob));
    };
    expect("assignment_id", step.assignment_id, update.assignment_id);
    expect("courier_id", step.courier_id, update.courier_id);
    expect("zone", step.zone, update.zone);
    if (!misses.empty()) return End(fmt::format("scenario {}: {}", step.where, fmt::join(misses, "; ")));
    auto faults = std::make_unique<Faults>();
    for (const FaultRule& rule : step.faults)
      engine.Apply(rule, fmt::format("mock-unknown-{}", step.where), *faults);
    faults->reply = step.reply;
    return faults;
  }

  static std::unique_ptr<Faults> PastTheEnd(const Scenario& scenario, const Stream::Update& update) {
    return End(fmt::format(
        "scenario {}: its {} steps are all taken; update {} has assignment_id '{}', courier_id '{}'",
        scenario.where, scenario.steps.size(), update.number, update.assignment_id, update.courier_id));
  }
};

FaultEngine::FaultEngine(std::uint64_t seed, ScenarioFile scenarios, std::function<void(FaultKind)> on_fault)
    : seed_(seed), on_fault_(std::move(on_fault)) {
  SetScenarios(std::move(scenarios));
}

FaultEngine::~FaultEngine() = default;

void FaultEngine::SetActive() {
  active_.store(rules_ != nullptr || !scenarios_.empty(), std::memory_order_relaxed);
}

void FaultEngine::SetScenarios(ScenarioFile file) {
  std::vector<std::shared_ptr<ScenarioState>> states;
  std::uint64_t seed = seed_;
  for (Scenario& scenario : file.scenarios)
    states.push_back(std::make_shared<ScenarioState>(std::move(scenario), seed++));
  const std::lock_guard lock(mutex_);
  scenarios_.swap(states);
  strict_ = file.strict;
  SetActive();
}

void FaultEngine::Set(std::vector<FaultRule> rules) {
  std::shared_ptr<Rules> states;
  if (!rules.empty()) {
    states = std::make_shared<Rules>();
    std::uint64_t seed = seed_;
    for (FaultRule& rule : rules) states->push_back(std::make_shared<RuleState>(std::move(rule), seed++));
  }
  const std::lock_guard lock(mutex_);
  rules_ = std::move(states);
  SetActive();
}

void FaultEngine::Add(std::vector<FaultRule> rules) {
  if (rules.empty()) return;
  const std::lock_guard lock(mutex_);
  auto states = rules_ == nullptr ? std::make_shared<Rules>() : std::make_shared<Rules>(*rules_);
  for (FaultRule& rule : rules)
    states->push_back(std::make_shared<RuleState>(std::move(rule), seed_ + states->size()));
  rules_ = std::move(states);
  SetActive();
}

// What the next step for this lookup says; null: no scenario has one, and need not.
std::unique_ptr<Faults> FaultEngine::PlayLookup(std::size_t listen, std::string_view courier_id) {
  for (const auto& state : scenarios_) {
    const FaultRule& selection = state->selection.rule;
    if (selection.method == Method::kLookup && state->next_step < state->scenario.steps.size() &&
        selection.listen.value_or(listen) == listen && Matches(selection.courier_id, courier_id) &&
        state->Takes()) {
      return Play::Step(*this, state->scenario.steps[state->next_step++],
                        {.assignment_id = {}, .courier_id = courier_id, .zone = {}, .number = 0});
    }
  }
  return strict_ ? Unexpected(Method::kLookup, listen, courier_id) : nullptr;
}

// Names the scenarios that came nearest, those with the fewest reasons against them first.
std::unique_ptr<Faults> FaultEngine::Unexpected(Method method, std::size_t listen,
                                                std::string_view courier_id) const {
  constexpr std::size_t kMostNamed = 3;
  std::vector<std::pair<std::size_t, std::string>> named;
  for (const auto& state : scenarios_) {
    const std::vector<std::string> misses = state->Misses(method, listen, courier_id);
    // One for the other method is never near.
    const std::size_t distance = misses.size() + (state->selection.rule.method == method ? 0 : 16);
    named.emplace_back(distance, fmt::format("{}: {}", state->scenario.where, fmt::join(misses, ", ")));
  }
  std::stable_sort(named.begin(), named.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  named.resize(std::min(named.size(), kMostNamed));
  std::vector<std::string_view> nearest;
  for (const auto& [distance, text] : named) nearest.emplace_back(text);
  return Play::End(
      fmt::format("no scenario is for this {}; nearest: {}",
                  method == Method::kLookup ? fmt::format("lookup of '{}'", courier_id) : "stream",
                  fmt::join(nearest, "; ")));
}

std::unique_ptr<Faults> FaultEngine::OnLookup(std::size_t listen, std::string_view courier_id,
                                              std::unique_ptr<Faults> found) {
  if (!active()) return found;
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Faults> faults = std::move(found);
  if (faults == nullptr && !scenarios_.empty()) faults = PlayLookup(listen, courier_id);
  if (rules_ == nullptr) return faults;
  for (const auto& state : *rules_) {
    const FaultRule& rule = state->rule;
    if (!rule.AppliesTo(FaultScope::kLookup) || rule.listen.value_or(listen) != listen ||
        !Matches(rule.courier_id, courier_id)) {
      continue;
    }
    const std::uint64_t number = ++state->calls;
    if (rule.nth != 0 && rule.nth != number) continue;
    if (state->Fires()) Apply(*state, faults);
  }
  return faults;
}

std::unique_ptr<ConnectionFaults> FaultEngine::OnConnection(std::size_t listen) {
  std::unique_ptr<ConnectionFaults> faults;
  const std::lock_guard lock(mutex_);
  if (rules_ == nullptr) return faults;
  for (const auto& state : *rules_) {
    const FaultRule& rule = state->rule;
    if (!rule.AppliesTo(FaultScope::kConnection) || rule.listen.value_or(listen) != listen) continue;
    const std::uint64_t number = ++state->calls;
    if ((rule.nth != 0 && rule.nth != number) || !state->Fires()) continue;
    if (faults == nullptr) faults = std::make_unique<ConnectionFaults>();
    state->Apply(*faults);
    if (on_fault_) on_fault_(rule.kind);
  }
  return faults;
}

bool FaultEngine::RefusesConnections(std::size_t listen) const {
  const std::lock_guard lock(mutex_);
  if (rules_ == nullptr) return false;
  return std::any_of(rules_->begin(), rules_->end(), [listen](const auto& state) {
    const FaultRule& rule = state->rule;
    return rule.kind == FaultKind::kRefuse && rule.listen.value_or(listen) == listen && rule.nth == 0 &&
           rule.every == 1 && rule.first == 0 && rule.max == 0 && rule.probability >= 1 &&
           state->matched >= rule.after;
  });
}

std::vector<FaultCount> FaultEngine::Counts() const {
  std::vector<FaultCount> counts;
  const std::lock_guard lock(mutex_);
  if (rules_ == nullptr) return counts;
  for (const auto& state : *rules_) {
    counts.push_back({.spec = state->rule.spec,
                      .matched = state->matched,
                      .fired = state->fired,
                      .under_way = state->under_way->load(std::memory_order_relaxed)});
  }
  return counts;
}

// Whether there are any rules; those that are new to the stream count it. Under the engine's lock.
bool FaultEngine::Stream::Bind() {
  if (engine_->rules_ == rules_) return rules_ != nullptr;
  const std::shared_ptr<const Rules> before = std::exchange(rules_, engine_->rules_);
  std::vector<PerRule> per_rule;
  for (std::size_t i = 0; rules_ != nullptr && i < rules_->size(); ++i) {
    RuleState& state = *(*rules_)[i];
    if (before != nullptr && i < before->size() && (*before)[i].get() == &state) {
      per_rule.push_back(per_rule_[i]);
      continue;
    }
    const bool mine =
        state.rule.listen.value_or(listen_) == listen_ &&
        (state.rule.AppliesTo(FaultScope::kStream) || state.rule.AppliesTo(FaultScope::kUpdate));
    per_rule.push_back({.number = mine ? ++state.calls : 0});
  }
  per_rule_.swap(per_rule);
  return rules_ != nullptr;
}

std::unique_ptr<Faults> FaultEngine::Stream::OnStart(std::unique_ptr<Faults> found) {
  std::unique_ptr<Faults> faults = std::move(found);
  if (!engine_->active()) return faults;
  const std::lock_guard lock(engine_->mutex_);
  for (const auto& state : engine_->scenarios_) {
    const FaultRule& selection = state->selection.rule;
    if (selection.method == Method::kAssign && selection.listen.value_or(listen_) == listen_ &&
        state->Takes()) {
      scenario_ = state;
      strict_ = engine_->strict_;
      break;
    }
  }
  if (scenario_ != nullptr && !scenario_->scenario.faults.empty()) {
    if (faults == nullptr) faults = std::make_unique<Faults>();
    for (const FaultRule& rule : scenario_->scenario.faults) engine_->Apply(rule, {}, *faults);
  }
  if (scenario_ == nullptr && engine_->strict_) faults = engine_->Unexpected(Method::kAssign, listen_, {});
  if (!Bind()) return faults;
  for (std::size_t i = 0; i < per_rule_.size(); ++i) {
    RuleState& state = *(*rules_)[i];
    if (per_rule_[i].number == 0 || !state.rule.AppliesTo(FaultScope::kStream)) continue;
    if (state.rule.nth != 0 && state.rule.nth != per_rule_[i].number) continue;
    if (state.Fires()) engine_->Apply(state, faults);
  }
  return faults;
}

std::unique_ptr<Faults> FaultEngine::Stream::OnUpdate(const Update& update, std::unique_ptr<Faults> found) {
  std::unique_ptr<Faults> faults = std::move(found);
  if (scenario_ != nullptr && faults == nullptr) {
    const Scenario& scenario = scenario_->scenario;
    if (next_step_ < scenario.steps.size()) {
      faults = Play::Step(*engine_, scenario.steps[next_step_++], update);
    } else if (strict_) {
      faults = Play::PastTheEnd(scenario, update);
    }
  }
  if (!engine_->active()) return faults;
  const std::lock_guard lock(engine_->mutex_);
  if (!Bind()) return faults;
  for (std::size_t i = 0; i < per_rule_.size(); ++i) {
    RuleState& state = *(*rules_)[i];
    const FaultRule& rule = state.rule;
    PerRule& mine = per_rule_[i];
    if (mine.number == 0 || !rule.AppliesTo(FaultScope::kUpdate)) continue;
    if (rule.nth != 0 && rule.nth != mine.number) continue;
    if (rule.nth_message != 0 && rule.nth_message != update.number) continue;
    if (!Matches(rule.assignment_id, update.assignment_id) || !Matches(rule.courier_id, update.courier_id) ||
        !Matches(rule.zone, update.zone)) {
      continue;
    }
    // Such a kind's argument means every so many of a stream.
    const bool counted = rule.kind == FaultKind::kDuplicate || rule.kind == FaultKind::kDropResult ||
                         rule.kind == FaultKind::kUnknownId;
    if (counted && ++mine.matched % rule.count != 0) continue;
    if (state.Fires()) engine_->Apply(state, faults);
  }
  return faults;
}

}  // namespace dispatchctl::mock
