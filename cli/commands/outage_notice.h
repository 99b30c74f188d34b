#pragma once

#include <dispatchctl/assignment_stream.h>

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

#include "terminal/console.h"

namespace dispatchctl::cli {

/// Tells people that a stream waits for a server, once that takes long, and that it goes on. From any thread.
class OutageNotice {
 public:
  using Clock = std::chrono::steady_clock;

  /// `console` must outlive it.
  explicit OutageNotice(const Console& console) : console_(console) {}

  void OnInterruption(const StreamInterruption& interruption, Clock::time_point now);

  /// Now and then, in between.
  void Tick(Clock::time_point now);

 private:
  // What is shorter is what resuming is for.
  static constexpr std::chrono::seconds kLong{1};

  const Console& console_;
  std::mutex mutex_;
  std::size_t interrupted_ = 0;  // underlying streams
  Clock::time_point since_;
  std::string cause_;
  bool told_ = false;
};

}  // namespace dispatchctl::cli
