#include "checkpoint/results_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "checkpoint/answered_index.h"
#include "checkpoint/answered_prefix.h"

namespace dispatchctl::cli {
namespace {

// A new file's name must survive a power cut just as its content does. File systems that cannot do that are
// none of our business.
void SyncDirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.valid()) ::fsync(opened.get());
}

}  // namespace

std::optional<ErrorReport> ResultsFile::Open(const std::string& path, const Options& options) {
  path_ = path;
  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  is_regular_ = !exists || S_ISREG(info.st_mode);
  if (!is_regular_ && options.go_on) {
    return UsageError(fmt::format("{} is not a regular file: --continue cannot read it", path));
  }
  // A FIFO opened for reading too would never tell that its reader has gone.
  const int flags = is_regular_ ? O_RDWR | O_CREAT | O_APPEND : O_WRONLY;
  file_ = UniqueFd(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, kNewFileMode));
  if (!file_.valid()) return OutputError(path, errno);
  if (!is_regular_) return std::nullopt;
  if (auto error = Lock()) return error;
  if (!exists) SyncDirectoryOf(path);
  if (::fstat(file_.get(), &info) != 0) return OutputError(path, errno);
  if (info.st_size == 0) return std::nullopt;
  if (!options.go_on) {
    return UsageError(fmt::format("{} is not empty", path),
                      "go on with the run that wrote it with --continue, or name another file");
  }
  return Load(options);
}

std::optional<ErrorReport> ResultsFile::Lock() {
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) return std::nullopt;
  if (errno != EWOULDBLOCK) {
    lock_problem_ = std::strerror(errno);
    return std::nullopt;
  }
  ErrorReport error = OutputError(path_, EWOULDBLOCK);
  error.message = fmt::format("cannot write to {}: another process is writing to it", path_);
  error.hint = "wait for it to end, or name another file";
  return error;
}

std::optional<ErrorReport> ResultsFile::Load(const Options& options) {
  // The descriptor above moves with each write.
  UniqueFd reader(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat locked {};
  struct stat read {};
  const bool same = reader.valid() && ::fstat(file_.get(), &locked) == 0 &&
                    ::fstat(reader.get(), &read) == 0 && locked.st_dev == read.st_dev &&
                    locked.st_ino == read.st_ino;
  if (!same) return OutputError(path_, errno != 0 ? errno : ESTALE);

  std::unique_ptr<AnsweredIndex> index;
  if (!options.ordered) {
    std::uint64_t lines = 0;
    if (const int error_number = CountLines(reader.get(), lines); error_number != 0) {
      return OutputError(path_, error_number);
    }
    index = std::make_unique<AnsweredIndex>(lines, options.seed);
    if (::lseek(reader.get(), 0, SEEK_SET) != 0) return OutputError(path_, errno);
  }
  const auto on_line = [&index](const ResultLine& line) {
    if (index == nullptr) return;
    if (line.failed) {
      index->AddFailure(line.line);
    } else {
      index->AddResult(line.assignment_id);
    }
  };
  if (auto error = ScanResults(reader.get(), path_, on_line, before_)) return error;
  if (before_.torn_bytes != 0 && ::ftruncate(file_.get(), static_cast<off_t>(before_.bytes)) != 0) {
    return OutputError(path_, errno);
  }
  if (before_.lines == 0) return std::nullopt;
  if (index != nullptr) {
    index->Finish();
    answered_ = std::move(index);
    return std::nullopt;
  }
  if (::lseek(reader.get(), 0, SEEK_SET) != 0) return OutputError(path_, errno);
  answered_ = std::make_unique<AnsweredPrefix>(std::move(reader), path_, before_.lines);
  return std::nullopt;
}

}  // namespace dispatchctl::cli
