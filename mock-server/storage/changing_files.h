#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace dispatchctl::mock {

// Small files that are read together, and again when one of them has changed. Not thread-safe.
class ChangingFiles {
 public:
  using Contents = std::vector<std::string>;

  explicit ChangingFiles(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  // The contents, one a file, if the files are not as they were last time; else nullopt. Costs a look at each
  // file's directory entry. Errors, each told once: INVALID_ARGUMENT naming the file that cannot be read.
  std::optional<absl::StatusOr<Contents>> Poll();

 private:
  using Clock = std::chrono::steady_clock;

  // When two are equal, the file is most likely the same.
  struct Stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_ns = 0;

    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  std::vector<Stamp> Look() const;

  std::vector<std::string> paths_;
  std::vector<Stamp> stamps_;
  Contents contents_;
  absl::Status error_;
  bool read_ = false;
  // Changes within one tick of the file system's clock leave no other trace than the content.
  Clock::time_point trusted_from_;
};

}  // namespace dispatchctl::mock
