#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mock-server/domain/acceptance_rule.h"
#include "mock-server/domain/courier_directory.h"
#include "mock-server/domain/dispatcher.h"
#include "mock-server/faults/fault_engine.h"
#include "mock-server/faults/fault_rule.h"
#include "mock-server/faults/scenario.h"
#include "mock-server/observation/server_observer.h"
#include "mock-server/recording/call_log.h"

namespace dispatchctl::mock {

// What every session begins with.
struct SessionStart {
  std::shared_ptr<const CourierDirectory> directory;
  AcceptanceRule accept;
  std::uint64_t seed = 1;
  // May be null; must outlive the sessions, which share it.
  AssignmentJournal* journal = nullptr;
  std::vector<FaultRule> faults;
  ScenarioFile scenarios;
  // For each session; 0: calls are not recorded.
  std::size_t record_bytes = 0;
  // May be null; must outlive the sessions.
  ServerObserver* observer = nullptr;
};

// What one test sees of the server: faults, scenarios, decisions taken and calls of its own. Thread-safe.
class Session {
 public:
  Session(std::string name, const SessionStart& start);

  const std::string& name() const { return name_; }
  FaultEngine& faults() { return faults_; }
  Dispatcher& dispatcher() { return dispatcher_; }
  // Null: calls are not recorded.
  CallLog* log() const { return log_.get(); }

  // As it began.
  void Reset(const SessionStart& start);

 private:
  const std::string name_;
  FaultEngine faults_;
  Dispatcher dispatcher_;
  const std::unique_ptr<CallLog> log_;
};

// The session of calls that name none, which is always there, and a bounded number of named ones: each begins
// when it is first asked for, and the one not asked for the longest makes room for another. Calls that are
// open keep theirs. Thread-safe.
class SessionTable {
 public:
  // Faults of connections are for the unnamed session alone: a connection belongs to no other.
  SessionTable(SessionStart start, std::size_t max_sessions);
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;
  SessionTable(SessionTable&&) = delete;
  SessionTable& operator=(SessionTable&&) = delete;
  ~SessionTable() = default;

  std::size_t max_sessions() const { return max_sessions_; }
  Session& unnamed() { return unnamed_; }

  // The unnamed one for "". Not null, unless there may be none but that.
  std::shared_ptr<Session> Find(std::string_view name);

  void Reset(Session& session) { session.Reset(session.name().empty() ? start_ : named_start_); }
  // Resets the unnamed one, and lets go of all others.
  void ResetAll();

  // Of those that are there, the latest asked for first.
  std::vector<std::string> names() const;

 private:
  const SessionStart start_;
  const SessionStart named_start_;
  const std::size_t max_sessions_;
  Session unnamed_;
  mutable std::mutex mutex_;
  std::list<std::shared_ptr<Session>> latest_first_;
  std::unordered_map<std::string_view, std::list<std::shared_ptr<Session>>::iterator> by_name_;
};

}  // namespace dispatchctl::mock
