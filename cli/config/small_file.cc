#include "config/small_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "process/unique_fd.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kMostFileBytes = std::size_t{1} << 20U;

absl::Status CannotRead(std::string_view what, const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(fmt::format("{} {}: {}", what, path, why));
}

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(std::string_view what, const std::string& path) {
  absl::StatusOr<std::optional<std::string>> content = ReadSmallFileIfAny(what, path);
  if (!content.ok()) return std::move(content).status();
  if (!content->has_value()) return CannotRead(what, path, std::strerror(ENOENT));
  return **std::move(content);
}

absl::StatusOr<std::optional<std::string>> ReadSmallFileIfAny(std::string_view what,
                                                              const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return std::optional<std::string>();
  if (!file.valid()) return CannotRead(what, path, std::strerror(errno));
  std::string content;
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotRead(what, path, std::strerror(errno));
    if (count == 0) return std::optional(std::move(content));
    content.append(chunk.data(), static_cast<std::size_t>(count));
    if (content.size() > kMostFileBytes) return CannotRead(what, path, "larger than 1 MiB");
  }
}

}  // namespace dispatchctl::cli
