#include "terminal/console.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "process/write_all.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

// Back to the line's beginning, and erase it (ECMA-48, EL).
constexpr std::string_view kEraseLine = "\r\x1b[K";

}  // namespace

void WriteToStderr(std::string_view text) {
  WriteAll(STDERR_FILENO, text);
}

int WriteToStdout(std::string_view text) {
  return WriteAll(STDOUT_FILENO, text);
}

void Console::WriteLine(std::string_view label, std::string_view text) const {
  const std::lock_guard lock(mutex_);
  std::string line;
  if (std::exchange(status_shown_, false)) line += kEraseLine;
  line += "dispatchctl: ";
  line += label;
  AppendPrintable(line, text);
  line += '\n';
  WriteToStderr(line);
}

void Console::ShowStatus(std::string_view text) const {
  const std::lock_guard lock(mutex_);
  status_shown_ = true;
  WriteToStderr(std::string(kEraseLine) + std::string(text));
}

void Console::ClearStatus() const {
  const std::lock_guard lock(mutex_);
  if (std::exchange(status_shown_, false)) WriteToStderr(kEraseLine);
}

void Console::Warn(std::string_view text) const {
  if (!quiet_) WriteLine("warning: ", text);
}

void Console::Note(std::string_view text) const {
  if (!quiet_) WriteLine("note: ", text);
}

void Console::Detail(std::string_view text) const {
  if (verbose()) WriteLine("note: ", text);
}

}  // namespace dispatchctl::cli
