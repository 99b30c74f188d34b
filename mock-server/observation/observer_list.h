#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "mock-server/observation/server_observer.h"

namespace dispatchctl::mock {

// Tells several observers the same.
class ObserverList final : public ServerObserver {
 public:
  explicit ObserverList(std::vector<std::shared_ptr<ServerObserver>> observers)
      : observers_(std::move(observers)) {}

  // As few as will do: null for none, and the only one itself.
  static std::shared_ptr<ServerObserver> Of(std::vector<std::shared_ptr<ServerObserver>> observers) {
    if (observers.empty()) return nullptr;
    if (observers.size() == 1) return observers.front();
    return std::make_shared<ObserverList>(std::move(observers));
  }

  bool AsksWhoCalls() const override {
    return std::any_of(observers_.begin(), observers_.end(),
                       [](const auto& observer) { return observer->AsksWhoCalls(); });
  }
  void CallStarted(Method method, std::size_t listen) override {
    for (const auto& observer : observers_) observer->CallStarted(method, listen);
  }
  void MessageReceived(Method method, std::size_t listen) override {
    for (const auto& observer : observers_) observer->MessageReceived(method, listen);
  }
  void MessageSent(Method method, std::size_t listen) override {
    for (const auto& observer : observers_) observer->MessageSent(method, listen);
  }
  void CallEnded(const ObservedCall& call) override {
    for (const auto& observer : observers_) observer->CallEnded(call);
  }
  void AssignmentDecided(const Decision& decision) override {
    for (const auto& observer : observers_) observer->AssignmentDecided(decision);
  }
  void FaultMet(FaultKind kind) override {
    for (const auto& observer : observers_) observer->FaultMet(kind);
  }

 private:
  const std::vector<std::shared_ptr<ServerObserver>> observers_;
};

}  // namespace dispatchctl::mock
