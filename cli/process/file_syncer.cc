#include "process/file_syncer.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace dispatchctl::cli {
namespace {

int Sync(int fd) {
  while (::fdatasync(fd) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

FileSyncer::FileSyncer(int fd, Options options)
    : fd_(fd), options_(std::move(options)), thread_([this] { Run(); }) {}

FileSyncer::~FileSyncer() {
  Stop();
}

void FileSyncer::Run() {
  std::uint64_t synced = 0;
  std::unique_lock lock(mutex_);
  while (!stop_changed_.wait_for(lock, options_.interval, [this] { return stop_; })) {
    lock.unlock();
    const std::uint64_t written = options_.written();
    const int error_number = written == synced ? 0 : Sync(fd_);
    synced = written;
    if (error_number != 0) options_.on_failure(error_number);
    lock.lock();
    // The kernel tells of each failure once: what comes after it proves nothing.
    if (error_number != 0) {
      error_number_ = error_number;
      return;
    }
  }
}

int FileSyncer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  return error_number_;
}

int FileSyncer::Finish() {
  const int error_number = Stop();
  return error_number != 0 ? error_number : Sync(fd_);
}

}  // namespace dispatchctl::cli
