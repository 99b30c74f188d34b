#include "transport/watched_files.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace

std::vector<WatchedFiles::Stamp> WatchedFiles::Look() const {
  std::vector<Stamp> stamps;
  for (const File& file : files_) {
    struct stat status {};
    Stamp stamp;
    if (::stat(file.path.c_str(), &status) != 0) {
      stamp.error = errno;
    } else {
      stamp = {.device = status.st_dev,
               .inode = status.st_ino,
               .size = status.st_size,
               .modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
    }
    stamps.push_back(stamp);
  }
  return stamps;
}

absl::StatusOr<std::string> WatchedFiles::Read(const File& file) {
  const auto failure = [&file](std::string_view why) {
    return absl::FailedPreconditionError(
        absl::StrCat(View(file.option), ": cannot read ", Quoted(file.path), ": ", View(why)));
  };
  const Descriptor descriptor(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat status {};
  if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) return failure(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) once_ = true;
  std::string content;
  std::array<char, 4096> chunk{};
  for (;;) {
    const ssize_t count = ::read(descriptor.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failure(std::strerror(errno));
    if (count == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(count));
    if (content.size() > most_bytes_) return failure(absl::StrCat("larger than ", most_bytes_, " bytes"));
  }
}

std::optional<absl::StatusOr<WatchedFiles::Contents>> WatchedFiles::Poll(Time now, bool now_or_never) {
  if (once_ || (!now_or_never && next_check_ && now < *next_check_)) return std::nullopt;
  next_check_ = now + kCheckInterval;
  std::vector<Stamp> stamps = Look();
  const bool seen_before = stamps == stamps_;
  if (seen_before && settled_ && !now_or_never) return std::nullopt;

  Contents contents;
  absl::Status error;
  for (const File& file : files_) {
    absl::StatusOr<std::string> content = Read(file);
    if (!content.ok()) {
      error = content.status();
      break;
    }
    contents.push_back(*std::move(content));
  }
  if (!once_ && Look() != stamps) {
    stamps_.clear();
    settled_ = false;
    // The first time there is nothing else to go by.
    if (given_) return std::nullopt;
  } else {
    stamps_ = std::move(stamps);
    settled_ = seen_before;
  }
  if (!error.ok()) {
    if (seen_before) return std::nullopt;
    return error;
  }
  if (given_ == contents) return std::nullopt;
  given_ = contents;
  return contents;
}

}  // namespace dispatchctl::internal
