#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace dispatchctl::fuzz {

/// What must hold whatever the input is. Ends the program otherwise, which is how a fuzz target fails.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline std::string_view AsText(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The fuzzer's bytes, taken as decisions one after the other. Once they are used up, numbers are 0 and texts
/// empty.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size) : rest_(AsText(data, size)) {}

  bool empty() const { return rest_.empty(); }

  std::uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }

  /// A number below `bound`, which is 1 to 2^32.
  std::uint64_t Below(std::uint64_t bound) {
    std::uint64_t number = 0;
    for (std::uint64_t range = 1; range < bound; range <<= 8U) number = number << 8U | Byte();
    return number % bound;
  }

  /// What stands before the next newline; it and the newline are taken.
  std::string_view Line() {
    const std::string_view line = rest_.substr(0, rest_.find('\n'));
    rest_.remove_prefix(std::min(line.size() + 1, rest_.size()));
    return line;
  }

  /// All that is left. It is not taken.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace dispatchctl::fuzz
