#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <string_view>

namespace dispatchctl::internal {

// A connection of its own to one endpoint, with a deadline for all that is done with it.
class DiagnosisSocket {
 public:
  using Clock = std::chrono::steady_clock;

  explicit DiagnosisSocket(Clock::time_point deadline) : deadline_(deadline) {}
  ~DiagnosisSocket();
  DiagnosisSocket(const DiagnosisSocket&) = delete;
  DiagnosisSocket& operator=(const DiagnosisSocket&) = delete;

  // Once. `endpoint` as in CallReport::endpoint. Errors: INVALID_ARGUMENT for a kind of endpoint that nothing
  // can be connected to here; UNAVAILABLE with the cause.
  absl::Status Connect(std::string_view endpoint);

  // Until the connection is ready for poll(2)'s `events`. False: the time is up.
  bool Wait(short events) const;

  // Non-blocking.
  int fd() const { return fd_; }

 private:
  const Clock::time_point deadline_;
  int fd_ = -1;
};

}  // namespace dispatchctl::internal
