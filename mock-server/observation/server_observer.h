#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "mock-server/domain/assignment_ledger.h"
#include "mock-server/faults/fault_rule.h"

namespace dispatchctl::mock {

// A lookup or a stream of assignments whose end is decided. The views hold while the observer is told.
struct ObservedCall {
  Method method = Method::kLookup;
  // The backend's index.
  std::size_t listen = 0;
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string_view message;
  // From its arrival.
  std::chrono::nanoseconds duration{0};
  // As gRPC names it, "ipv4:127.0.0.1:40212", and the value of that metadata. Empty if the observer does not
  // ask who calls.
  std::string_view peer;
  std::string_view traceparent;
};

// Is told what a server does while it does it, from the server's threads and from several at once. Whatever
// takes long in here holds calls up.
class ServerObserver {
 public:
  ServerObserver() = default;
  ServerObserver(const ServerObserver&) = delete;
  ServerObserver& operator=(const ServerObserver&) = delete;
  ServerObserver(ServerObserver&&) = delete;
  ServerObserver& operator=(ServerObserver&&) = delete;
  virtual ~ServerObserver() = default;

  // Whether ObservedCall is to have what it takes time to find out.
  virtual bool AsksWhoCalls() const { return false; }

  virtual void CallStarted(Method /*method*/, std::size_t /*listen*/) {}
  virtual void MessageReceived(Method /*method*/, std::size_t /*listen*/) {}
  virtual void MessageSent(Method /*method*/, std::size_t /*listen*/) {}
  // Once for each call that started, before its status is sent.
  virtual void CallEnded(const ObservedCall& /*call*/) {}
  virtual void AssignmentDecided(const Decision& /*decision*/) {}
  // A call, a message or a connection met a fault.
  virtual void FaultMet(FaultKind /*kind*/) {}
};

// For what tells of one thing only. Null for a null observer, which must outlive the function.
inline std::function<void(FaultKind)> FaultsTo(ServerObserver* observer) {
  if (observer == nullptr) return nullptr;
  return [observer](FaultKind kind) { observer->FaultMet(kind); };
}
inline std::function<void(const Decision&)> DecisionsTo(ServerObserver* observer) {
  if (observer == nullptr) return nullptr;
  return [observer](const Decision& decision) { observer->AssignmentDecided(decision); };
}

}  // namespace dispatchctl::mock
