#pragma once

#include <mutex>
#include <string_view>

namespace dispatchctl::cli {

/// Writes to stderr, whole and unbuffered. Failures are ignored: there is nobody left to tell.
void WriteToStderr(std::string_view text);

/// Writes to stdout, whole. Returns 0 or the error number.
int WriteToStdout(std::string_view text);

/// What is said to people beside the records and the error. Any thread may use it.
class Console {
 public:
  Console(bool quiet, int verbosity) : quiet_(quiet), verbosity_(verbosity) {}

  /// Puts `text` on the terminal's current line, which it must not fill, in place of what was shown before.
  /// It gives way to whatever else is said here, and is drawn again with the next call.
  void ShowStatus(std::string_view text) const;

  /// To be called before anybody else writes to stderr.
  void ClearStatus() const;

  void Warn(std::string_view text) const;
  void Note(std::string_view text) const;
  /// Only with -v.
  void Detail(std::string_view text) const;

  bool verbose() const { return verbosity_ > 0; }
  bool quiet() const { return quiet_; }

 private:
  void WriteLine(std::string_view label, std::string_view text) const;

  bool quiet_;
  int verbosity_;
  mutable std::mutex mutex_;
  mutable bool status_shown_ = false;
};

}  // namespace dispatchctl::cli
