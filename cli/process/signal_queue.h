#pragma once

#include <csignal>

#include "process/unique_fd.h"

namespace dispatchctl::cli {

/// Turns SIGINT, SIGTERM and SIGHUP into something to poll for while it lives. Make it before any other
/// thread, so that they inherit the mask. A signal that was ignored at start stays ignored.
class SignalQueue {
 public:
  SignalQueue();
  SignalQueue(const SignalQueue&) = delete;
  SignalQueue& operator=(const SignalQueue&) = delete;
  ~SignalQueue();

  /// Readable while a signal is waiting.
  int fd() const { return fd_.get(); }

  /// The next waiting signal, or 0.
  int Take() const;

 private:
  sigset_t previous_{};
  UniqueFd fd_;
};

}  // namespace dispatchctl::cli
