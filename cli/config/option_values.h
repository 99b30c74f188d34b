#pragma once

#include <absl/status/status.h>
#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dispatchctl::cli {

// How options read their values. Each stores the value or leaves `out` as it is and says what was expected,
// without repeating the text, which may be secret: INVALID_ARGUMENT.

/// One of the names in `choices`.
template <class Value>
absl::Status ApplyChoice(std::string_view text,
                         std::initializer_list<std::pair<std::string_view, Value>> choices, Value& out) {
  std::string expected;
  std::size_t index = 0;
  for (const auto& [name, value] : choices) {
    if (name == text) {
      out = value;
      return absl::OkStatus();
    }
    if (index != 0) expected += index + 1 == choices.size() ? " or " : ", ";
    expected += name;
    ++index;
  }
  return absl::InvalidArgumentError(fmt::format("expected {}", expected));
}

/// true/false, 1/0, yes/no, on/off.
absl::Status ApplyBool(std::string_view text, bool& out);
/// A duration with a unit, at least `least`.
absl::Status ApplyDuration(std::string_view text, std::chrono::nanoseconds least,
                           std::chrono::nanoseconds& out);
absl::Status ApplyOptionalDuration(std::string_view text, std::chrono::nanoseconds least,
                                   std::optional<std::chrono::nanoseconds>& out);
/// A size in bytes, with or without a unit, within [least, most].
absl::Status ApplySize(std::string_view text, std::size_t least, std::size_t most, std::size_t& out);
/// A decimal number within [least, most].
absl::Status ApplyNumber(std::string_view text, std::size_t least, std::size_t most, std::size_t& out);
absl::Status ApplyOptionalBool(std::string_view text, std::optional<bool>& out);
/// Any text but none.
absl::Status ApplyText(std::string_view text, std::string& out);

/// Names with commas between them, each once.
absl::Status ApplyNames(std::string_view text, std::vector<std::string>& out);

}  // namespace dispatchctl::cli
