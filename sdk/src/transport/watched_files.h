#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dispatchctl::internal {

// Files that are read together, and again when one of them has changed. Not thread-safe.
//
// What is read is of one moment: files that change while they are read are read again later. A change that
// leaves a file's time, size and inode as they were, as two within one tick of the file system's clock do, is
// seen too, since what was read is compared once more a check later.
class WatchedFiles {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Contents = std::vector<std::string>;

  static constexpr std::chrono::seconds kCheckInterval{1};

  struct File {
    std::string_view option;  // for messages; a literal
    std::string path;
  };

  WatchedFiles(std::vector<File> files, std::size_t most_bytes)
      : files_(std::move(files)), most_bytes_(most_bytes) {}

  // The contents, one a file, if they are not those that were last given; else nullopt. Looks at the files at
  // most once per kCheckInterval, unless `now_or_never`. Errors: FAILED_PRECONDITION naming option and file,
  // once for each state of the files.
  std::optional<absl::StatusOr<Contents>> Poll(Time now, bool now_or_never = false);

 private:
  // When two are equal, the file is most likely the same.
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;
    int error = 0;

    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  std::vector<Stamp> Look() const;
  absl::StatusOr<std::string> Read(const File& file);

  const std::vector<File> files_;
  const std::size_t most_bytes_;
  std::optional<Time> next_check_;
  std::vector<Stamp> stamps_;  // of what was read last
  bool settled_ = false;       // read again since, with the same result
  bool once_ = false;          // a pipe has been read: there is no second time
  std::optional<Contents> given_;
};

}  // namespace dispatchctl::internal
