#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "input/line_reader.h"
#include "output/error_report.h"
#include "process/unique_fd.h"

namespace dispatchctl::cli {

/// A line's place, packed so that it fits an SDK tag: which input, and which line of it.
struct LinePlace {
  static constexpr unsigned kLineBits = 44;

  std::size_t input = 0;
  std::uint64_t line = 0;

  std::uint64_t Pack() const { return (std::uint64_t{input} << kLineBits) | line; }
  static LinePlace Unpack(std::uint64_t packed) {
    return {.input = static_cast<std::size_t>(packed >> kLineBits),
            .line = packed & ((std::uint64_t{1} << kLineBits) - 1)};
  }
};

/// The lines of several files, one file after the other. "-" is standard input.
class InputFiles {
 public:
  explicit InputFiles(std::size_t max_line_bytes) : reader_(max_line_bytes) {}

  /// Opens everything before anything is read, so that a missing file is known before anything is sent.
  std::optional<ErrorReport> Open(const std::vector<std::string>& paths);

  /// What to poll for input; -1 at the end.
  int fd() const { return AtEnd() ? -1 : inputs_[current_].fd.get(); }

  /// Reads once from the current input; call it when poll says that it would not wait.
  std::optional<ErrorReport> Fill();

  /// kEnd only at the end of the last input.
  LineReader::Result Next(Line& line);

  bool HasLine() const { return !AtEnd() && reader_.HasLine(); }
  bool AtEnd() const { return current_ == inputs_.size(); }

  /// Which input the last line came from.
  std::size_t current() const { return current_; }

  /// What a newline means in the current input, from the next line on; kLines at its start.
  void SetFraming(Framing framing) { reader_.SetFraming(framing); }

  /// "orders.ndjson", or "stdin".
  std::string_view Name(std::size_t input) const { return inputs_[input].name; }

  /// How much of all inputs together has been used up, from 0 to 1; nothing when one has no size.
  std::optional<double> Progress() const;

  /// "orders.ndjson:12", or "stdin:12".
  std::string Describe(LinePlace place) const;

 private:
  struct Input {
    std::string name;
    UniqueFd fd;
    std::optional<std::uint64_t> size{};
  };

  std::vector<Input> inputs_;
  std::size_t current_ = 0;
  std::uint64_t bytes_before_ = 0;  // in the inputs before the current one
  LineReader reader_;
};

/// True for lines of spaces and tabs only.
bool IsBlank(const Line& line);

}  // namespace dispatchctl::cli
