#include "terminal/console.h"

#include <unistd.h>

#include <string>

#include "process/write_all.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

void WriteLine(std::string_view label, std::string_view text) {
  std::string line = "dispatchctl: ";
  line += label;
  AppendPrintable(line, text);
  line += '\n';
  WriteToStderr(line);
}

}  // namespace

void WriteToStderr(std::string_view text) {
  WriteAll(STDERR_FILENO, text);
}

int WriteToStdout(std::string_view text) {
  return WriteAll(STDOUT_FILENO, text);
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
