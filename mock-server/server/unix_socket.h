#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace dispatchctl::mock {

// A Unix socket that appears at its path whole: the server binds it in a private directory beside the path,
// then it gets mode 0600 and is moved into place. A stale socket is replaced; one that somebody serves, or
// any other file, is left alone. Removed at the end if it is still this one.
class UnixSocket {
 public:
  static absl::StatusOr<UnixSocket> Prepare(const std::string& path);

  UnixSocket(const UnixSocket&) = delete;
  UnixSocket& operator=(const UnixSocket&) = delete;
  UnixSocket(UnixSocket&& other) noexcept;
  UnixSocket& operator=(UnixSocket&& other) noexcept;
  ~UnixSocket();

  // Where the server is to bind.
  std::string bind_path() const { return directory_ + "/s"; }

  // Moves the bound socket into place.
  absl::Status Publish();

  void Remove();

 private:
  explicit UnixSocket(std::string path) : path_(std::move(path)) {}

  void RemoveDirectory();

  std::string path_;
  std::string directory_;
  bool published_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace dispatchctl::mock
