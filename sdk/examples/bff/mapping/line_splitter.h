#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bff {

/// Makes lines out of pieces that come as the network cut them, and never holds more than one line.
class LineSplitter {
 public:
  struct Line {
    std::uint64_t number = 0;  ///< from 1, blank lines counted
    std::string_view text;     ///< without its end; empty when `too_long`. Valid during the call
    bool too_long = false;
  };
  /// False: no more lines are wanted.
  using Receiver = std::function<bool(const Line&)>;

  explicit LineSplitter(std::size_t longest_line) : longest_line_(longest_line) {}

  /// Hands over each line that `piece` completes; blank ones are counted and left out. False: the receiver
  /// wants no more.
  bool Feed(std::string_view piece, const Receiver& receiver);

  /// The input has ended: hands over a last line that had no end of its own.
  bool Finish(const Receiver& receiver);

 private:
  void Append(std::string_view text);
  bool HandOver(const Receiver& receiver);

  std::size_t longest_line_;
  std::string line_;
  bool too_long_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace bff
