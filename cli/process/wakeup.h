#pragma once

#include "process/unique_fd.h"

namespace dispatchctl::cli {

/// Lets any thread end another one's poll.
class Wakeup {
 public:
  Wakeup();

  /// From any thread; never waits.
  void Notify() const;

  /// Forgets the notifications so far.
  void Clear() const;

  /// Readable while there are notifications.
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace dispatchctl::cli
