#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "output/record_format.h"

namespace dispatchctl::cli {

/// Where records go: formats them into a buffer and writes it to a descriptor.
///
/// Any thread may write records. Only one writes to the descriptor at a time, and nobody waits for it: who
/// finds another at it leaves the rest to that one. After a failed write everything is dropped.
class RecordStream {
 public:
  /// `on_failure` is called once, on the thread that met the failure.
  RecordStream(int fd, std::unique_ptr<RecordFormat> format, std::function<void()> on_failure = {});

  /// One record; `fill(format, out)` adds its fields. Written when it is flushed, or when much is waiting;
  /// then `interrupt_fd` is as in Flush.
  template <class Fill>
  void Write(Fill&& fill, int interrupt_fd = -1) {
    if (Append(std::forward<Fill>(fill))) Flush(interrupt_fd);
  }

  /// The same without waiting for anything. True when much is waiting: then it should be flushed soon.
  template <class Fill>
  bool Append(Fill&& fill) {
    const std::lock_guard lock(mutex_);
    Open();
    format_->StartRecord(pending_);
    fill(*format_, pending_);
    format_->EndRecord(pending_);
    return pending_.size() >= kFlushBytes;
  }

  /// Writes what is waiting. With `interrupt_fd`, stops waiting for a slow reader when that descriptor
  /// becomes readable; what is left is written by the next flush. False when interrupted.
  bool Flush(int interrupt_fd = -1);

  /// Ends the output: no record may follow. False when interrupted before everything was written.
  bool Finish(int interrupt_fd = -1);

  /// The error number of the write that failed, or 0. EPIPE: the reader has gone.
  int error_number() const { return error_number_.load(std::memory_order_acquire); }

  /// Records a failure found in another way, such as poll telling that the reader has gone.
  void Fail(int error_number);

  int fd() const { return fd_; }

  /// Bytes written to the descriptor so far.
  std::uint64_t written() const { return written_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kFlushBytes = std::size_t{64} << 10U;

  void Open() {
    if (!std::exchange(open_, true)) format_->Begin(pending_);
  }
  // True when there is something in `writing_`.
  bool TakePending();
  // False when interrupted; removes what was written from `writing_`.
  bool WriteOut(int interrupt_fd);

  const int fd_;
  const std::function<void()> on_failure_;
  std::atomic<int> error_number_{0};
  std::atomic<std::uint64_t> written_{0};

  std::mutex mutex_;
  std::unique_ptr<RecordFormat> format_;
  std::string pending_;
  bool open_ = false;

  std::mutex write_mutex_;  // taken before mutex_
  std::string writing_;
};

}  // namespace dispatchctl::cli
