#include "output/unacknowledged_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "output/record_stream.h"
#include "process/unique_fd.h"

namespace dispatchctl::cli {
namespace {

int WriteAll(int fd, const std::vector<UnacknowledgedAssignment>& assignments) {
  RecordStream records(fd, MakeNdjsonFormat());
  for (const UnacknowledgedAssignment& assignment : assignments) {
    records.Write(
        [&](RecordFormat& format, std::string& out) { WriteFields(format, out, assignment.update); });
  }
  records.Finish();
  return records.error_number();
}

}  // namespace

std::optional<ErrorReport> WriteUnacknowledged(const std::string& path,
                                               const std::vector<UnacknowledgedAssignment>& assignments) {
  struct stat info {};
  const bool special = ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
  const std::string written = special ? path : fmt::format("{}.{}.part", path, ::getpid());
  const int flags = special ? O_WRONLY : O_WRONLY | O_CREAT | O_TRUNC;
  UniqueFd file(::open(written.c_str(), flags | O_CLOEXEC | O_NOCTTY, kNewFileMode));
  if (!file.valid()) return OutputError(path, errno);
  int error_number = WriteAll(file.get(), assignments);
  if (::close(file.Release()) != 0 && error_number == 0) error_number = errno;
  if (!special) {
    if (error_number == 0 && std::rename(written.c_str(), path.c_str()) != 0) error_number = errno;
    if (error_number != 0) ::unlink(written.c_str());
  }
  if (error_number == 0) return std::nullopt;
  return OutputError(path, error_number);
}

}  // namespace dispatchctl::cli
