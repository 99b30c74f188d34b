#pragma once

#include <absl/strings/string_view.h>

#include <string>
#include <string_view>

namespace dispatchctl::internal {

// Debian's abseil keeps a string_view of its own.
inline absl::string_view View(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view View(absl::string_view text) {
  return {text.data(), text.size()};
}

// `text` in double quotes, with control characters, quotes and bytes beyond ASCII escaped and the end of a
// long one left out: safe in a message whatever a user or a peer put into it.
std::string Quoted(std::string_view text);

}  // namespace dispatchctl::internal
