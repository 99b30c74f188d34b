#include "terminal/console.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

int WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

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
