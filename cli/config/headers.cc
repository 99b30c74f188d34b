#include "config/headers.h"

#include <absl/strings/escaping.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "process/unique_fd.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::size_t kMostFileBytes = std::size_t{1} << 20U;

std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

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

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return absl::FailedPreconditionError(fmt::format("header file {}: {}", path, std::strerror(errno)));
  }
  std::string content;
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return absl::FailedPreconditionError(fmt::format("header file {}: {}", path, std::strerror(errno)));
    }
    if (count == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(count));
    if (content.size() > kMostFileBytes) {
      return absl::FailedPreconditionError(fmt::format("header file {}: larger than 1 MiB", path));
    }
  }
}

absl::Status AppendFile(const std::string& path, Metadata& metadata) {
  absl::StatusOr<std::string> content = ReadSmallFile(path);
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
