#include "contract/pushback.h"

#include <charconv>
#include <cstdint>
#include <system_error>

namespace dispatchctl::internal {

std::optional<Pushback> ParsePushback(std::optional<std::string_view> header_value) {
  if (!header_value) return std::nullopt;
  std::int64_t milliseconds = 0;
  const char* const end = header_value->data() + header_value->size();
  const auto [parsed_to, error] = std::from_chars(header_value->data(), end, milliseconds);
  if (error != std::errc() || parsed_to != end || milliseconds < 0) return Pushback{};
  return Pushback{std::chrono::milliseconds(milliseconds)};
}

}  // namespace dispatchctl::internal
