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

  // Outlives the rule: what met the fault may.
  std::shared_ptr<std::atomic<std::uint64_t>> under_way = std::make_shared<std::atomic<std::uint64_t>>(0);
};

struct FaultEngine::RuleSet {
  // All that follows it. A rule has one owner at a time, whichever thread asks.
  std::mutex mutex;
  std::vector<RuleState> states;

  static void Apply(RuleState& state, std::unique_ptr<Faults>& faults) {
    if (faults == nullptr) faults = std::make_unique<Faults>();
    faults->under_way.push_back(state.Hold());
    Apply(state.rule, fmt::format("mock-unknown-{}", state.fired), *faults);
  }

  static void Apply(const FaultRule& rule, std::string unknown_id, Faults& faults) {
    const auto end = [&](FaultEnding ending) {
      if (!faults.ending.has_value() || ending.after < faults.ending->after)
        faults.ending = std::move(ending);
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

  // Never null.
  static std::unique_ptr<Faults> Play(const ScenarioStep& step, const Stream::Update& update) {
    auto faults = std::make_unique<Faults>();
    std::vector<std::string> misses;
    const auto expect = [&](std::string_view key, const std::string& glob, std::string_view text) {
      if (!Matches(glob, text)) misses.push_back(fmt::format("{} is '{}', expected '{}'", key, text, glob));
    };
    expect("assignment_id", step.assignment_id, update.assignment_id);
    expect("courier_id", step.courier_id, update.courier_id);
    expect("zone", step.zone, update.zone);
    if (!misses.empty()) {
      faults->ending = {.after = 0,
                        .code = absl::StatusCode::kFailedPrecondition,
                        .message = fmt::format("scenario {}: {}", step.where, fmt::join(misses, "; ")),
                        .pushback = {}};
      return faults;
    }
    for (const FaultRule& rule : step.faults)
      Apply(rule, fmt::format("mock-unknown-{}", step.where), *faults);
    faults->reply = step.reply;
    return faults;
  }

  static void Apply(RuleState& state, ConnectionFaults& faults) {
    faults.under_way.push_back(state.Hold());
    const FaultRule& rule = state.rule;
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
};

struct FaultEngine::ScenarioState {
  ScenarioState(Scenario given, std::uint64_t seed)
      : scenario(std::move(given)), selection(scenario.selection, seed) {}

  // Whether it is for one more call of those the selection's words about whom match.
  bool Takes() {
    const std::uint64_t number = ++selection.calls;
    return (selection.rule.nth == 0 || selection.rule.nth == number) && selection.Fires();
  }

  Scenario scenario;
  RuleState selection;
  // Of lookups.
  std::size_t next_step = 0;
};

FaultEngine::FaultEngine(std::uint64_t seed, std::vector<Scenario> scenarios)
    : seed_(seed), active_(!scenarios.empty()) {
  for (Scenario& scenario : scenarios)
    scenarios_.push_back(std::make_unique<ScenarioState>(std::move(scenario), seed++));
}

FaultEngine::~FaultEngine() = default;

const ScenarioStep* FaultEngine::NextLookupStep(std::size_t listen, std::string_view courier_id) {
  const std::lock_guard lock(scenarios_mutex_);
  for (const auto& state : scenarios_) {
    const FaultRule& selection = state->selection.rule;
    if (selection.method == Method::kLookup && state->next_step < state->scenario.steps.size() &&
        selection.listen.value_or(listen) == listen && Matches(selection.courier_id, courier_id) &&
        state->Takes()) {
      return &state->scenario.steps[state->next_step++];
    }
  }
  return nullptr;
}

const Scenario* FaultEngine::ScenarioOfStream(std::size_t listen) {
  const std::lock_guard lock(scenarios_mutex_);
  for (const auto& state : scenarios_) {
    const FaultRule& selection = state->selection.rule;
    if (selection.method == Method::kAssign && selection.listen.value_or(listen) == listen && state->Takes())
      return &state->scenario;
  }
  return nullptr;
}

void FaultEngine::Set(std::vector<FaultRule> rules) {
  std::shared_ptr<RuleSet> set;
  if (!rules.empty()) {
    set = std::make_shared<RuleSet>();
    std::uint64_t seed = seed_;
    for (FaultRule& rule : rules) set->states.emplace_back(std::move(rule), seed++);
  }
  const std::lock_guard lock(mutex_);
  rules_ = std::move(set);
  active_.store(rules_ != nullptr || !scenarios_.empty(), std::memory_order_relaxed);
}

std::shared_ptr<FaultEngine::RuleSet> FaultEngine::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

std::unique_ptr<Faults> FaultEngine::OnLookup(std::size_t listen, std::string_view courier_id) {
  std::unique_ptr<Faults> faults;
  if (!active()) return faults;
  if (const ScenarioStep* step = NextLookupStep(listen, courier_id); step != nullptr) {
    faults = RuleSet::Play(*step, {.assignment_id = {}, .courier_id = courier_id, .zone = {}, .number = 0});
  }
  const std::shared_ptr<RuleSet> set = rules();
  if (set == nullptr) return faults;
  const std::lock_guard lock(set->mutex);
  for (RuleState& state : set->states) {
    const FaultRule& rule = state.rule;
    if (!rule.AppliesTo(FaultScope::kLookup) || rule.listen.value_or(listen) != listen ||
        !Matches(rule.courier_id, courier_id)) {
      continue;
    }
    const std::uint64_t number = ++state.calls;
    if (rule.nth != 0 && rule.nth != number) continue;
    if (state.Fires()) RuleSet::Apply(state, faults);
  }
  return faults;
}

std::unique_ptr<ConnectionFaults> FaultEngine::OnConnection(std::size_t listen) {
  std::unique_ptr<ConnectionFaults> faults;
  const std::shared_ptr<RuleSet> set = rules();
  if (set == nullptr) return faults;
  const std::lock_guard lock(set->mutex);
  for (RuleState& state : set->states) {
    const FaultRule& rule = state.rule;
    if (!rule.AppliesTo(FaultScope::kConnection) || rule.listen.value_or(listen) != listen) continue;
    const std::uint64_t number = ++state.calls;
    if ((rule.nth != 0 && rule.nth != number) || !state.Fires()) continue;
    if (faults == nullptr) faults = std::make_unique<ConnectionFaults>();
    RuleSet::Apply(state, *faults);
  }
  return faults;
}

bool FaultEngine::RefusesConnections(std::size_t listen) const {
  const std::shared_ptr<RuleSet> set = rules();
  if (set == nullptr) return false;
  const std::lock_guard lock(set->mutex);
  return std::any_of(set->states.begin(), set->states.end(), [listen](const RuleState& state) {
    const FaultRule& rule = state.rule;
    return rule.kind == FaultKind::kRefuse && rule.listen.value_or(listen) == listen && rule.nth == 0 &&
           rule.every == 1 && rule.first == 0 && rule.max == 0 && rule.probability >= 1 &&
           state.matched >= rule.after;
  });
}

std::vector<FaultCount> FaultEngine::Counts() const {
  std::vector<FaultCount> counts;
  const std::shared_ptr<RuleSet> set = rules();
  if (set == nullptr) return counts;
  const std::lock_guard lock(set->mutex);
  for (const RuleState& state : set->states) {
    counts.push_back({.spec = state.rule.spec,
                      .matched = state.matched,
                      .fired = state.fired,
                      .under_way = state.under_way->load(std::memory_order_relaxed)});
  }
  return counts;
}

// Whether there are any rules; those that are new to the stream count it.
bool FaultEngine::Stream::Bind() {
  std::shared_ptr<RuleSet> current = engine_->rules();
  if (current != rules_) {
    rules_ = std::move(current);
    per_rule_.clear();
    if (rules_ != nullptr) {
      const std::lock_guard lock(rules_->mutex);
      for (RuleState& state : rules_->states) {
        const bool mine =
            state.rule.listen.value_or(listen_) == listen_ &&
            (state.rule.AppliesTo(FaultScope::kStream) || state.rule.AppliesTo(FaultScope::kUpdate));
        per_rule_.push_back({.number = mine ? ++state.calls : 0});
      }
    }
  }
  return rules_ != nullptr;
}

std::unique_ptr<Faults> FaultEngine::Stream::OnStart() {
  std::unique_ptr<Faults> faults;
  if (!engine_->active()) return faults;
  scenario_ = engine_->ScenarioOfStream(listen_);
  if (scenario_ != nullptr && !scenario_->faults.empty()) {
    faults = std::make_unique<Faults>();
    for (const FaultRule& rule : scenario_->faults) RuleSet::Apply(rule, {}, *faults);
  }
  if (!Bind()) return faults;
  const std::lock_guard lock(rules_->mutex);
  for (std::size_t i = 0; i < per_rule_.size(); ++i) {
    RuleState& state = rules_->states[i];
    if (per_rule_[i].number == 0 || !state.rule.AppliesTo(FaultScope::kStream)) continue;
    if (state.rule.nth != 0 && state.rule.nth != per_rule_[i].number) continue;
    if (state.Fires()) RuleSet::Apply(state, faults);
  }
  return faults;
}

std::unique_ptr<Faults> FaultEngine::Stream::OnUpdate(const Update& update) {
  std::unique_ptr<Faults> faults;
  if (!engine_->active()) return faults;
  if (scenario_ != nullptr && next_step_ < scenario_->steps.size()) {
    faults = RuleSet::Play(scenario_->steps[next_step_++], update);
  }
  if (!Bind()) return faults;
  const std::lock_guard lock(rules_->mutex);
  for (std::size_t i = 0; i < per_rule_.size(); ++i) {
    RuleState& state = rules_->states[i];
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
    if (state.Fires()) RuleSet::Apply(state, faults);
  }
  return faults;
}

}  // namespace dispatchctl::mock
