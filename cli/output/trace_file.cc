#include "output/trace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "process/write_all.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{64} << 10U;

// Opened by its name, a stderr that is a file would be cut off, and written to from its beginning.
UniqueFd OpenForTrace(const std::string& path) {
  if (path == "/dev/stderr") return UniqueFd(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, kNewFileMode));
}

}  // namespace

std::optional<ErrorReport> TraceFile::Open(const std::string& path, std::string_view target) {
  path_ = path;
  file_ = OpenForTrace(path);
  if (!file_.valid()) return OutputError(path, errno);
  AppendTraceStart(pending_, target, std::chrono::steady_clock::now(), std::chrono::system_clock::now(),
                   ::getpid());
  return std::nullopt;
}

void TraceFile::Add(TracedCall call) {
  const std::lock_guard lock(mutex_);
  if (error_number_ != 0) return;
  call.number = ++calls_;
  AppendTraceEvents(pending_, call);
  if (pending_.size() >= kFlushBytes) FlushLocked();
}

void TraceFile::Flush() {
  const std::lock_guard lock(mutex_);
  FlushLocked();
}

void TraceFile::FlushLocked() {
  if (error_number_ == 0) error_number_ = WriteAll(file_.get(), pending_);
  pending_.clear();
}

std::optional<ErrorReport> TraceFile::Finish() {
  const std::lock_guard lock(mutex_);
  FlushLocked();
  if (::close(file_.Release()) != 0 && error_number_ == 0) error_number_ = errno;
  if (error_number_ == 0) return std::nullopt;
  return OutputError(path_, error_number_);
}

}  // namespace dispatchctl::cli
