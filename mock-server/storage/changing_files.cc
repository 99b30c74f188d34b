#include "mock-server/storage/changing_files.h"

#include <sys/stat.h>

#include <utility>

#include "mock-server/storage/read_file.h"

namespace dispatchctl::mock {
namespace {

// More than a tick of any file system's clock.
constexpr std::chrono::seconds kTick{2};

}  // namespace

std::vector<ChangingFiles::Stamp> ChangingFiles::Look() const {
  std::vector<Stamp> stamps;
  for (const std::string& path : paths_) {
    struct stat status {};
    Stamp stamp;
    if (stat(path.c_str(), &status) == 0) {
      stamp = {.device = status.st_dev,
               .inode = status.st_ino,
               .size = status.st_size,
               .modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
    }
    stamps.push_back(stamp);
  }
  return stamps;
}

std::optional<absl::StatusOr<ChangingFiles::Contents>> ChangingFiles::Poll() {
  std::vector<Stamp> stamps = Look();
  const bool changed = !read_ || stamps != stamps_;
  if (!changed && Clock::now() >= trusted_from_) return std::nullopt;
  if (changed) trusted_from_ = Clock::now() + kTick;
  stamps_ = std::move(stamps);
  Contents contents;
  for (const std::string& path : paths_) {
    absl::StatusOr<std::string> content = ReadFile(path);
    if (!content.ok()) {
      const bool told = error_ == content.status();
      error_ = content.status();
      if (told) return std::nullopt;
      return error_;
    }
    contents.push_back(*std::move(content));
  }
  error_ = absl::OkStatus();
  if (read_ && contents == contents_) return std::nullopt;
  read_ = true;
  contents_ = contents;
  return contents;
}

}  // namespace dispatchctl::mock
