#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace dispatchctl::cli {

/// Sees to it that what is written to a file reaches the disk soon (fdatasync), on a thread of its own, as
/// that can take long.
class FileSyncer {
 public:
  struct Options {
    std::chrono::nanoseconds interval{std::chrono::seconds(1)};  ///< between the end of one and the next
    std::function<std::uint64_t()> written;                      ///< bytes so far; asked on the thread
    std::function<void(int error_number)> on_failure;            ///< once at most, on the thread
  };

  FileSyncer(int fd, Options options);

  /// Waits for a sync that is under way.
  ~FileSyncer();

  FileSyncer(const FileSyncer&) = delete;
  FileSyncer& operator=(const FileSyncer&) = delete;

  /// Everything written so far is on the disk when it returns 0; else the error number. No sync follows.
  int Finish();

 private:
  void Run();
  int Stop();

  const int fd_;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable stop_changed_;
  bool stop_ = false;
  int error_number_ = 0;
  std::thread thread_;
};

}  // namespace dispatchctl::cli
