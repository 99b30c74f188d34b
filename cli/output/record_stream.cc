#include "output/record_stream.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace dispatchctl::cli {

RecordStream::RecordStream(int fd, std::unique_ptr<RecordFormat> format, std::function<void()> on_failure)
    : fd_(fd), on_failure_(std::move(on_failure)), format_(std::move(format)) {}

bool RecordStream::Flush(int interrupt_fd) {
  for (;;) {
    {
      const std::unique_lock writing(write_mutex_, std::try_to_lock);
      if (!writing.owns_lock()) return true;
      while (TakePending()) {
        if (!WriteOut(interrupt_fd)) return false;
      }
    }
    // Somebody may have found the lock taken just before it was let go.
    const std::lock_guard lock(mutex_);
    if (pending_.empty()) return true;
  }
}

bool RecordStream::TakePending() {
  const std::lock_guard lock(mutex_);
  if (writing_.empty()) {
    writing_.swap(pending_);
  } else {
    writing_ += pending_;
    pending_.clear();
  }
  return !writing_.empty();
}

bool RecordStream::WriteOut(int interrupt_fd) {
  std::size_t done = 0;
  while (done < writing_.size() && error_number() == 0) {
    std::size_t size = writing_.size() - done;
    if (interrupt_fd >= 0) {
      std::array<pollfd, 2> fds{{{fd_, POLLOUT, 0}, {interrupt_fd, POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
      if (fds[1].revents != 0) {
        writing_.erase(0, done);
        return false;
      }
      if (fds[0].revents == 0) continue;
      // A pipe that polls writable takes this much without waiting.
      size = std::min<std::size_t>(size, PIPE_BUF);
    }
    const ssize_t count = ::write(fd_, writing_.data() + done, size);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
      written_.fetch_add(static_cast<std::uint64_t>(count), std::memory_order_relaxed);
    } else if (errno == EAGAIN) {
      // Somebody else made the descriptor non-blocking.
      pollfd writable{fd_, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      Fail(errno);
    }
  }
  writing_.clear();
  return true;
}

bool RecordStream::Finish(int interrupt_fd) {
  {
    const std::lock_guard lock(mutex_);
    Open();
    format_->End(pending_);
  }
  return Flush(interrupt_fd);
}

void RecordStream::Fail(int error_number) {
  int none = 0;
  if (error_number_.compare_exchange_strong(none, error_number, std::memory_order_acq_rel) && on_failure_) {
    on_failure_();
  }
}

}  // namespace dispatchctl::cli
