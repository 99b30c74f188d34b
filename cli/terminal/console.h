#pragma once

#include <string_view>

namespace dispatchctl::cli {

/// Writes to stderr, whole and unbuffered. Failures are ignored: there is nobody left to tell.
void WriteToStderr(std::string_view text);

/// Writes to stdout, whole. Returns 0 or the error number.
int WriteToStdout(std::string_view text);

/// What is said to people beside the records and the error.
class Console {
 public:
  Console(bool quiet, int verbosity) : quiet_(quiet), verbosity_(verbosity) {}

  void Warn(std::string_view text) const;
  void Note(std::string_view text) const;
  /// Only with -v.
  void Detail(std::string_view text) const;

  bool verbose() const { return verbosity_ > 0; }
  bool quiet() const { return quiet_; }

 private:
  bool quiet_;
  int verbosity_;
};

}  // namespace dispatchctl::cli
