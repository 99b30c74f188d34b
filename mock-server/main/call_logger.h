#pragma once

#include <memory>
#include <utility>

#include "mock-server/main/command_line.h"
#include "mock-server/main/log.h"
#include "mock-server/observation/server_observer.h"

namespace dispatchctl::mock {

// Logs each call when it ends, with the trace it belongs to.
class CallLogger final : public ServerObserver {
 public:
  CallLogger(std::shared_ptr<const Log> log, LoggedCalls calls) : log_(std::move(log)), calls_(calls) {}

  bool AsksWhoCalls() const override { return calls_ != LoggedCalls::kNone; }
  void CallEnded(const ObservedCall& call) override;

 private:
  const std::shared_ptr<const Log> log_;
  const LoggedCalls calls_;
};

}  // namespace dispatchctl::mock
