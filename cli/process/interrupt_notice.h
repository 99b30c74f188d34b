#pragma once

#include <functional>
#include <string>

namespace dispatchctl::cli {

/// For commands that wait in one blocking call: while it lives, SIGINT, SIGTERM and SIGHUP print a text to
/// stderr before they end the process as they always do. One at a time; signals ignored at start stay
/// ignored.
class InterruptNotice {
 public:
  /// `text_for(signal)` is asked now, as a signal handler could not build a text.
  explicit InterruptNotice(const std::function<std::string(int)>& text_for);
  InterruptNotice(const InterruptNotice&) = delete;
  InterruptNotice& operator=(const InterruptNotice&) = delete;
  ~InterruptNotice();
};

}  // namespace dispatchctl::cli
