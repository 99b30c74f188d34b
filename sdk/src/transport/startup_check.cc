#include "transport/startup_check.h"

#include <absl/strings/str_cat.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <latch>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "contract/text.h"
#include "transport/background_thread.h"

namespace dispatchctl::internal {
namespace {

// What a client with a stream has come to have a moment later, and a little more.
constexpr std::size_t kDescriptors = 8;
constexpr std::size_t kThreads = 8;

// Starting threads to see whether it can be done takes milliseconds on a busy machine. Whoever may have more
// than this is taken at the limit's word.
constexpr rlim_t kTightThreadLimit = 4096;

absl::Status Unavailable(std::string_view what, int error_number) {
  return absl::UnavailableError(
      absl::StrCat("cannot start gRPC: ", View(what), ": ", std::generic_category().message(error_number)));
}

absl::Status CheckDescriptors() {
  std::array<int, kDescriptors> opened{};
  std::size_t count = 0;
  int error_number = 0;
  while (count < kDescriptors && error_number == 0) {
    const int fd = ::eventfd(0, EFD_CLOEXEC);
    if (fd < 0) {
      error_number = errno;
    } else {
      opened[count++] = fd;
    }
  }
  for (std::size_t i = 0; i < count; ++i) ::close(opened[i]);
  return error_number == 0 ? absl::OkStatus() : Unavailable("no file descriptors left", error_number);
}

absl::Status CheckThreads() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_cur > kTightThreadLimit) return absl::OkStatus();
  std::latch may_end(1);
  std::vector<std::thread> threads;
  absl::Status status;
  try {
    for (std::size_t i = 0; i < kThreads; ++i) {
      threads.push_back(StartBackgroundThread([&may_end] { may_end.wait(); }));
    }
  } catch (const std::system_error& error) {
    status = Unavailable("no threads left", error.code().value());
  }
  may_end.count_down();
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace

absl::Status CheckCoreCanStart() {
  static std::atomic<bool> has_been_ok{false};
  if (has_been_ok.load(std::memory_order_relaxed)) return absl::OkStatus();
  if (absl::Status status = CheckDescriptors(); !status.ok()) return status;
  if (absl::Status status = CheckThreads(); !status.ok()) return status;
  has_been_ok.store(true, std::memory_order_relaxed);
  return absl::OkStatus();
}

}  // namespace dispatchctl::internal
