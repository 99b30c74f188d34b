#include "fallback/cache_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "process/replace_file.h"
#include "process/unique_fd.h"

namespace dispatchctl::cli {
namespace {

constexpr mode_t kFileMode = 0600;

// FNV-1a (draft-eastlake-fnv): short, and the same on every machine. Files of services that share a hash are
// told apart by their first line.
std::uint64_t Hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

std::string CacheHome(const Environment& environment) {
  const std::string_view home = environment("XDG_CACHE_HOME").value_or("");
  // Relative paths in it are to be ignored, says the specification.
  if (home.substr(0, 1) == "/") return std::string(home);
  const std::string_view user = environment("HOME").value_or("");
  return user.substr(0, 1) == "/" ? fmt::format("{}/.cache", user) : std::string();
}

absl::Status SystemError(int error_number) {
  const char* const text = std::strerror(error_number);
  return error_number == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
}

}  // namespace

std::string StatusCachePath(std::string_view service, const Environment& environment) {
  const std::string home = CacheHome(environment);
  return home.empty() ? home : fmt::format("{}/dispatchctl/status-{:016x}.ndjson", home, Hash(service));
}

absl::StatusOr<std::string> ReadCacheFile(const std::string& path, std::size_t most_bytes) {
  // Without O_NONBLOCK, opening a FIFO would wait for its writer.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return SystemError(errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return SystemError(errno);
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError("it is not a regular file");
  if (static_cast<std::uint64_t>(info.st_size) > most_bytes) {
    return absl::FailedPreconditionError(fmt::format("it has more than {} bytes", most_bytes));
  }
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(errno);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  text.resize(size);
  return text;
}

absl::Status ReplaceCacheFile(const std::string& path, std::string_view text) {
  if (const int error_number = MakeDirectoriesOf(path); error_number != 0) return SystemError(error_number);
  const int error_number = ReplaceFile(path, text, kFileMode);
  return error_number == 0 ? absl::OkStatus() : SystemError(error_number);
}

}  // namespace dispatchctl::cli
