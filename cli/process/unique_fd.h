#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <utility>

namespace dispatchctl::cli {

/// Of files that are made; umask takes its part of it.
inline constexpr mode_t kNewFileMode = 0666;

/// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(-1); }

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }

  /// Gives the descriptor up without closing it.
  int Release() { return std::exchange(fd_, -1); }

 private:
  void Reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

  int fd_ = -1;
};

}  // namespace dispatchctl::cli
