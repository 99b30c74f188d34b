#include "config/config_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "config/small_file.h"
#include "process/replace_file.h"
#include "process/unique_fd.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kKind = "configuration file";
constexpr mode_t kPrivateFileMode = 0600;
constexpr mode_t kPermissions = 07777;

absl::Status CannotWrite(const std::string& path, int error_number) {
  return absl::FailedPreconditionError(
      fmt::format("cannot write {} {}: {}", kKind, path, std::strerror(error_number)));
}

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The file that the links lead to; `path` itself where there is nothing.
absl::StatusOr<std::string> FollowLinks(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (real != nullptr) return std::string(real.get());
  if (errno != ENOENT) return CannotWrite(path, errno);
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) {
    return absl::FailedPreconditionError(
        fmt::format("cannot write {} {}: it is a symbolic link to nothing", kKind, path));
  }
  return path;
}

// Held until it is closed. The directory, as the file itself is replaced.
UniqueFd LockDirectory(const std::string& directory) {
  UniqueFd lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid()) return lock;
  // Some network file systems have no such locks; the file is still replaced in one step.
  while (::flock(lock.get(), LOCK_EX) != 0 && errno == EINTR) {
  }
  return lock;
}

}  // namespace

absl::StatusOr<std::optional<ConfigText>> ReadConfigFile(const std::string& path) {
  absl::StatusOr<std::optional<std::string>> text = ReadSmallFileIfAny(kKind, path);
  if (!text.ok()) return std::move(text).status();
  if (!text->has_value()) return std::optional<ConfigText>();
  ConfigText config{.text = **std::move(text)};
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
      (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    config.warning =
        fmt::format("{} {} says where tokens are sent, but others can change it (mode {:04o}): chmod go-w it",
                    kKind, path, info.st_mode & kPermissions);
  }
  return std::optional(std::move(config));
}

absl::Status EditConfigFile(const std::string& path, const ConfigEdit& edit) {
  if (const int error_number = MakeDirectoriesOf(path); error_number != 0) {
    return CannotWrite(path, error_number);
  }
  const absl::StatusOr<std::string> target = FollowLinks(path);
  if (!target.ok()) return target.status();
  const UniqueFd lock = LockDirectory(DirectoryOf(*target));
  if (!lock.valid()) return CannotWrite(path, errno);

  const absl::StatusOr<std::optional<std::string>> text = ReadSmallFileIfAny(kKind, *target);
  if (!text.ok()) return text.status();
  const std::string before = text->value_or("");
  const absl::StatusOr<std::string> after = edit(before);
  if (!after.ok()) return after.status();
  if (text->has_value() && *after == before) return absl::OkStatus();

  struct stat info {};
  const bool exists = ::stat(target->c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        fmt::format("cannot write {} {}: it is not a regular file", kKind, path));
  }
  const mode_t mode = exists ? info.st_mode & kPermissions : kPrivateFileMode;
  const int error_number = ReplaceFile(*target, *after, mode);
  return error_number == 0 ? absl::OkStatus() : CannotWrite(path, error_number);
}

}  // namespace dispatchctl::cli
