#include "mock-server/server/unix_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace dispatchctl::mock {
namespace {

absl::Status Cannot(const std::string& path, std::string_view reason) {
  return absl::UnavailableError(fmt::format("cannot listen on unix:{}: {}", path, reason));
}

absl::Status Cannot(const std::string& path, int error) {
  return Cannot(path, std::generic_category().message(error));
}

enum class Occupant { kNobody, kStaleSocket, kLiveSocket, kOtherFile };

Occupant OccupantOf(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return Occupant::kNobody;
  if (!S_ISSOCK(status.st_mode)) return Occupant::kOtherFile;
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return Occupant::kLiveSocket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int error =
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(descriptor);
  // Refused: nobody will ever accept there. Any other outcome may be a server that is busy or not ours to
  // reach.
  return error == ECONNREFUSED ? Occupant::kStaleSocket : Occupant::kLiveSocket;
}

}  // namespace

absl::StatusOr<UnixSocket> UnixSocket::Prepare(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  std::string directory = parent + (parent.ends_with('/') ? "" : "/") + ".XXXXXX";
  constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kLongest || directory.size() + 2 > kLongest) {
    return Cannot(path, fmt::format("the path is too long; use at most {} bytes, {} for its directory",
                                    kLongest, kLongest - std::string_view("/.XXXXXX/s").size()));
  }
  if (mkdtemp(directory.data()) == nullptr) return Cannot(path, errno);
  UnixSocket result(path);
  result.directory_ = std::move(directory);
  return result;
}

UnixSocket::UnixSocket(UnixSocket&& other) noexcept
    : path_(std::move(other.path_)),
      directory_(std::exchange(other.directory_, {})),
      published_(std::exchange(other.published_, false)),
      device_(other.device_),
      inode_(other.inode_) {}

UnixSocket& UnixSocket::operator=(UnixSocket&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(directory_, other.directory_);
  std::swap(published_, other.published_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

UnixSocket::~UnixSocket() {
  Remove();
  RemoveDirectory();
}

absl::Status UnixSocket::Publish() {
  const std::string bound = bind_path();
  struct stat status {};
  if (chmod(bound.c_str(), 0600) != 0 || lstat(bound.c_str(), &status) != 0) return Cannot(path_, errno);
  while (renameat2(AT_FDCWD, bound.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno != EEXIST) return Cannot(path_, errno);
    switch (OccupantOf(path_)) {
      case Occupant::kNobody:
        break;
      case Occupant::kStaleSocket:
        if (unlink(path_.c_str()) != 0 && errno != ENOENT) return Cannot(path_, errno);
        break;
      case Occupant::kLiveSocket:
        return Cannot(path_, "another server is listening there");
      case Occupant::kOtherFile:
        return Cannot(path_, "the file exists and is not a socket");
    }
  }
  published_ = true;
  device_ = status.st_dev;
  inode_ = status.st_ino;
  RemoveDirectory();
  return absl::OkStatus();
}

void UnixSocket::Remove() {
  if (!std::exchange(published_, false)) return;
  struct stat status {};
  if (lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

void UnixSocket::RemoveDirectory() {
  if (directory_.empty()) return;
  unlink(bind_path().c_str());
  rmdir(directory_.c_str());
  directory_.clear();
}

}  // namespace dispatchctl::mock
