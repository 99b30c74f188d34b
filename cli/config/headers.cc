#include "config/headers.h"

#include <absl/strings/escaping.h>
#include <fmt/format.h>

#include <cstddef>
#include <string_view>
#include <utility>

#include "config/small_file.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

absl::Status AppendFile(const std::string& path, Metadata& metadata) {
  absl::StatusOr<std::string> content = ReadSmallFile("header file", path);
  if (!content.ok()) return std::move(content).status();
  std::string_view rest = *content;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t newline = rest.find('\n');
    const std::string_view line = Trim(rest.substr(0, newline));
    rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
    if (line.empty() || line.front() == '#') continue;
    auto entry = ParseHeader(line);
    if (!entry.ok()) {
      return absl::FailedPreconditionError(
          fmt::format("header file {}:{}: {}", path, number, std::string(entry.status().message())));
    }
    metadata.push_back(*std::move(entry));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::pair<std::string, std::string>> ParseHeader(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return absl::InvalidArgumentError("expected 'key: value'");
  }
  const std::string_view key = Trim(text.substr(0, colon));
  const std::string_view value = Trim(text.substr(colon + 1));
  constexpr std::string_view kBinarySuffix = "-bin";
  const bool binary =
      key.size() > kBinarySuffix.size() && key.substr(key.size() - kBinarySuffix.size()) == kBinarySuffix;
  if (!binary) return NormalizeMetadataEntry(key, value);
  std::string decoded;
  const absl::string_view encoded(value.data(), value.size());
  if (!absl::Base64Unescape(encoded, &decoded) && !absl::WebSafeBase64Unescape(encoded, &decoded)) {
    return absl::InvalidArgumentError(fmt::format("the value of {} is not base64", key));
  }
  return NormalizeMetadataEntry(key, decoded);
}

absl::StatusOr<Metadata> ReadHeaders(const std::vector<std::string>& headers) {
  Metadata metadata;
  for (const std::string& header : headers) {
    if (!header.empty() && header.front() == '@') {
      absl::Status status = AppendFile(header.substr(1), metadata);
      if (!status.ok()) return status;
      continue;
    }
    auto entry = ParseHeader(header);
    if (!entry.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("invalid -H/--header: {}", std::string(entry.status().message())));
    }
    metadata.push_back(*std::move(entry));
  }
  return metadata;
}

}  // namespace dispatchctl::cli
