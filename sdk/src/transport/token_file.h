#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "transport/watched_files.h"

namespace dispatchctl::internal {

// The token in the content of a token file. Errors: FAILED_PRECONDITION saying what is wrong with `path`,
// never showing the content.
absl::StatusOr<std::string> ParseToken(std::string_view path, std::string_view content);

// A bearer token in a file, as it is at the moment. Thread-safe.
class TokenFile {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // "Bearer TOKEN", the value of the authorization metadata. Another token is another object.
  using Token = std::shared_ptr<const std::string>;

  // Errors: FAILED_PRECONDITION naming the file. `warn` may be null; it is called with nothing locked but
  // itself.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(const std::string& path,
                                                         std::function<void(std::string_view)> warn,
                                                         Time now);

  // The token of calls that begin now.
  Token Get(Time now);

  // `refused` is not accepted any more: reads the file at once. True when there is another one by now.
  bool HasOtherThan(const Token& refused, Time now);

  const std::string& path() const { return path_; }

 private:
  TokenFile(const std::string& path, std::function<void(std::string_view)> warn);

  absl::Status Refresh(Time now, bool now_or_never);
  void Tell(const absl::Status& problem) const;

  const std::string path_;
  const std::function<void(std::string_view)> warn_;
  std::mutex mutex_;  // guards both below
  WatchedFiles file_;
  Token token_;
};

}  // namespace dispatchctl::internal
