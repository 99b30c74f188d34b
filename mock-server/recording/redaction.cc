#include "mock-server/recording/redaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace dispatchctl::mock {
namespace {

constexpr std::array<std::string_view, 10> kSecretWords = {"authorization", "cookie",    "token",   "secret",
                                                           "password",      "passwd",    "api-key", "api_key",
                                                           "api.key",       "credential"};

}  // namespace

std::string RedactedMetadata(std::string_view key, std::string_view value) {
  const bool secret = std::any_of(kSecretWords.begin(), kSecretWords.end(), [key](std::string_view word) {
    return key.find(word) != std::string_view::npos;
  });
  if (secret) return "[redacted]";
  if (key.ends_with("-bin")) return fmt::format("[{} bytes]", value.size());
  std::string shown(value);
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return shown;
}

}  // namespace dispatchctl::mock
