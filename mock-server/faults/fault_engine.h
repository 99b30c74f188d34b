#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "mock-server/faults/fault_rule.h"
#include "mock-server/faults/scenario.h"

namespace dispatchctl::mock {

enum class Corruption { kNone, kBadUtf8, kBadBytes };

// How a call is to end: for a stream, after so many updates have got their results.
struct FaultEnding {
  std::uint64_t after = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string message;
  std::optional<std::string> pushback;
};

// What is to go wrong with one lookup, stream or update: all the rules that met it together. Latencies and
// sizes add up; of several endings the earliest counts, of several words about the same the first rule's. A
// rule's `max` counts it for as long as this lives.
struct Faults {
  std::chrono::microseconds latency{0};
  bool hang = false;
  std::optional<FaultEnding> ending;
  std::uint64_t message_bytes = 0;
  std::uint64_t header_bytes = 0;
  Corruption corruption = Corruption::kNone;
  bool duplicate = false;
  bool drop_result = false;
  // Empty: no result of an unknown id goes before this one.
  std::string unknown_id;
  // 0: results keep their order.
  std::uint64_t reorder = 0;
  // Fields of the answer and what they are to hold instead.
  std::vector<std::pair<std::string, std::string>> reply;
  // How many updates are read.
  std::optional<std::uint64_t> read_limit;

  std::vector<std::shared_ptr<void>> under_way;
};

// What is to go wrong with one connection. Bytes are counted from its beginning; of several words about the
// same the least counts.
struct ConnectionFaults {
  // It is reset as soon as it was accepted.
  bool refuse = false;
  // Bytes in both directions together.
  std::optional<std::uint64_t> reset_after;
  std::optional<std::uint64_t> blackhole_after;
  // Bytes to the client.
  std::optional<std::uint64_t> bad_bytes_after;
  // Bytes per second to the client.
  std::optional<std::uint64_t> drip;
  // gRPC messages to the client; 0: no GOAWAY.
  std::uint64_t goaway_after = 0;

  std::vector<std::shared_ptr<void>> under_way;
};

struct FaultCount {
  std::string spec;
  // What the rule's selectors matched, and how much of it met the fault.
  std::uint64_t matched = 0;
  std::uint64_t fired = 0;
  std::uint64_t under_way = 0;
};

// Decides which calls and messages meet which fault. What the nth question of a rule is answered depends on
// the rules and the seed alone. Thread-safe.
class FaultEngine {
 public:
  class Stream;

  // The scenarios stay, whatever rules are set; where several are for a call, the first one counts.
  // `on_fault` is called, from any thread, for each fault that is met; null: nobody is told.
  explicit FaultEngine(std::uint64_t seed, ScenarioFile scenarios = {},
                       std::function<void(FaultKind)> on_fault = nullptr);
  FaultEngine(const FaultEngine&) = delete;
  FaultEngine& operator=(const FaultEngine&) = delete;
  FaultEngine(FaultEngine&&) = delete;
  FaultEngine& operator=(FaultEngine&&) = delete;
  ~FaultEngine();

  // Replaces the rules; counters and chance start anew. What goes wrong already keeps doing so.
  void Set(std::vector<FaultRule> rules);
  // Adds rules behind those there are, which keep their counters.
  void Add(std::vector<FaultRule> rules);
  // Replaces the scenarios; their counters start anew. Streams go on with the scenario they have begun.
  void SetScenarios(ScenarioFile file);

  // False: every question is answered with null. One relaxed load.
  bool active() const { return active_.load(std::memory_order_relaxed); }

  // Null: nothing goes wrong. What is met is added to what another engine has found, if it found anything.
  std::unique_ptr<Faults> OnLookup(std::size_t listen, std::string_view courier_id,
                                   std::unique_ptr<Faults> found = nullptr);

  // For each connection that was accepted, and for each that is open when there are other rules.
  std::unique_ptr<ConnectionFaults> OnConnection(std::size_t listen);

  // Whether a refuse rule is met by every connection from now on, so that none need be accepted to tell.
  bool RefusesConnections(std::size_t listen) const;

  // In the rules' order.
  std::vector<FaultCount> Counts() const;

 private:
  struct RuleState;
  using Rules = std::vector<std::shared_ptr<RuleState>>;
  struct ScenarioState;
  struct Play;

  void Apply(RuleState& state, std::unique_ptr<Faults>& faults) const;
  void Apply(const FaultRule& rule, std::string unknown_id, Faults& faults) const;

  void SetActive();
  std::unique_ptr<Faults> PlayLookup(std::size_t listen, std::string_view courier_id);
  std::unique_ptr<Faults> Unexpected(Method method, std::size_t listen, std::string_view courier_id) const;

  const std::uint64_t seed_;
  const std::function<void(FaultKind)> on_fault_;
  std::atomic<bool> active_{false};
  // All that follows it, and every rule's and scenario's counters.
  mutable std::mutex mutex_;
  // Null: none.
  std::shared_ptr<const Rules> rules_;
  std::vector<std::shared_ptr<ScenarioState>> scenarios_;
  bool strict_ = false;
};

// One stream of assignments as the rules see it. Rules set later count the stream in when they first see it.
// For one thread at a time; the engine must outlive it.
class FaultEngine::Stream {
 public:
  Stream(FaultEngine* engine, std::size_t listen) : engine_(engine), listen_(listen) {}

  // Once, when the stream begins: the faults of the stream as a whole, added to what another engine found.
  std::unique_ptr<Faults> OnStart(std::unique_ptr<Faults> found = nullptr);

  struct Update {
    std::string_view assignment_id;
    std::string_view courier_id;
    std::string_view zone;
    // In its stream, from 1.
    std::uint64_t number = 0;
  };
  std::unique_ptr<Faults> OnUpdate(const Update& update, std::unique_ptr<Faults> found = nullptr);

 private:
  struct PerRule {
    std::uint64_t number = 0;   // the stream's, of those the rule selects
    std::uint64_t matched = 0;  // updates
  };

  bool Bind();

  FaultEngine* engine_;
  std::size_t listen_;
  std::shared_ptr<const Rules> rules_;
  std::vector<PerRule> per_rule_;
  std::shared_ptr<const ScenarioState> scenario_;
  // Whether what comes after the scenario's last step is an error.
  bool strict_ = false;
  std::size_t next_step_ = 0;
};

}  // namespace dispatchctl::mock
