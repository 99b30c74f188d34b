#include "contract/text.h"

#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

namespace dispatchctl::internal {

std::string Quoted(std::string_view text) {
  constexpr std::size_t kShown = 80;
  const bool cut = text.size() > kShown;
  return absl::StrCat("\"", absl::CHexEscape(View(text.substr(0, kShown))), cut ? "...\"" : "\"");
}

}  // namespace dispatchctl::internal
