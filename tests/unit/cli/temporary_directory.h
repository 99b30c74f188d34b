#pragma once

#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// A directory of one test's own, as other tests run at the same time. It goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

  /// The path of `name` in it.
  std::string Path(std::string_view name) const;

  /// Writes a file and returns its path.
  std::string Write(std::string_view name, std::string_view content) const;

 private:
  std::string path_;
};

/// The whole of a file; empty when there is none.
std::string ReadFile(const std::string& path);

}  // namespace dispatchctl::cli
