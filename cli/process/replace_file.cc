#include "process/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "process/unique_fd.h"
#include "process/write_all.h"

namespace dispatchctl::cli {
namespace {

// As the XDG Base Directory Specification wants it.
constexpr mode_t kDirectoryMode = 0700;

}  // namespace

int MakeDirectoriesOf(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (::mkdir(path.substr(0, slash).c_str(), kDirectoryMode) != 0 && errno != EEXIST) return errno;
  }
  return 0;
}

int ReplaceFile(const std::string& path, std::string_view text, mode_t mode) {
  std::string written = path + ".XXXXXX";
  // It makes files that nobody else may read.
  UniqueFd file(::mkostemp(written.data(), O_CLOEXEC));
  if (!file.valid()) return errno;
  int error_number = WriteAll(file.get(), text);
  if (error_number == 0 && ::fchmod(file.get(), mode) != 0) error_number = errno;
  if (::close(file.Release()) != 0 && error_number == 0) error_number = errno;
  if (error_number == 0 && std::rename(written.c_str(), path.c_str()) != 0) error_number = errno;
  if (error_number != 0) ::unlink(written.c_str());
  return error_number;
}

}  // namespace dispatchctl::cli
