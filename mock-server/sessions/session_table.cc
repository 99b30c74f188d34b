#include "mock-server/sessions/session_table.h"

#include <algorithm>
#include <utility>

namespace dispatchctl::mock {
namespace {

SessionStart WithoutFaultsOfConnections(SessionStart start) {
  std::erase_if(start.faults, [](const FaultRule& rule) { return rule.AppliesTo(FaultScope::kConnection); });
  return start;
}

}  // namespace

Session::Session(std::string name, const SessionStart& start)
    : name_(std::move(name)),
      faults_(start.seed, start.scenarios, FaultsTo(start.observer)),
      dispatcher_(start.directory, start.accept, start.seed, start.journal, DecisionsTo(start.observer)),
      log_(start.record_bytes == 0 ? nullptr : std::make_unique<CallLog>(start.record_bytes)) {
  faults_.Set(start.faults);
}

void Session::Reset(const SessionStart& start) {
  faults_.Set(start.faults);
  faults_.SetScenarios(start.scenarios);
  dispatcher_.Forget();
  if (log_ != nullptr) log_->Clear();
}

SessionTable::SessionTable(SessionStart start, std::size_t max_sessions)
    : start_(std::move(start)),
      named_start_(WithoutFaultsOfConnections(start_)),
      max_sessions_(max_sessions),
      unnamed_("", start_) {}

std::shared_ptr<Session> SessionTable::Find(std::string_view name) {
  // Lives as long as the table: no count of its own.
  if (name.empty()) return {std::shared_ptr<void>(), &unnamed_};
  if (max_sessions_ == 0) return nullptr;
  std::shared_ptr<Session> evicted;  // freed without the lock
  const std::lock_guard lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    latest_first_.splice(latest_first_.begin(), latest_first_, found->second);
    return latest_first_.front();
  }
  if (latest_first_.size() >= max_sessions_) {
    evicted = std::move(latest_first_.back());
    by_name_.erase(evicted->name());
    latest_first_.pop_back();
  }
  latest_first_.push_front(std::make_shared<Session>(std::string(name), named_start_));
  by_name_.emplace(latest_first_.front()->name(), latest_first_.begin());
  return latest_first_.front();
}

void SessionTable::ResetAll() {
  std::list<std::shared_ptr<Session>> gone;
  {
    const std::lock_guard lock(mutex_);
    by_name_.clear();
    gone.swap(latest_first_);
  }
  Reset(unnamed_);
}

std::vector<std::string> SessionTable::names() const {
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  for (const auto& session : latest_first_) names.push_back(session->name());
  return names;
}

}  // namespace dispatchctl::mock
