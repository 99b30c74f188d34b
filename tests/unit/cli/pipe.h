#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "process/unique_fd.h"

namespace dispatchctl::cli {

/// A pipe whose ends close on their own.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    reader = UniqueFd(ends[0]);
    writer = UniqueFd(ends[1]);
  }

  void Put(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::write(writer.get(), text.data(), text.size());
      if (count <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  /// Everything up to the end; the writer must be closed.
  std::string Drain() const {
    std::string all;
    std::array<char, 4096> chunk{};
    for (;;) {
      const ssize_t count = ::read(reader.get(), chunk.data(), chunk.size());
      if (count <= 0) return all;
      all.append(chunk.data(), static_cast<std::size_t>(count));
    }
  }

  UniqueFd reader;
  UniqueFd writer;
};

}  // namespace dispatchctl::cli
