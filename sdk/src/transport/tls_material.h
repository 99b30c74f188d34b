#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "dispatchctl/client_options.h"
#include "transport/watched_files.h"

namespace dispatchctl::internal {

// What TlsOptions' files hold, as PEM; empty where there is no file.
struct TlsMaterial {
  std::string roots;
  std::string certificate_chain;
  std::string private_key;
};

// Whether it can be used: every file has what it should have, and key and certificate belong together.
// `options` is for messages. Errors: FAILED_PRECONDITION naming option and file.
absl::Status CheckTlsMaterial(const TlsMaterial& material, const TlsOptions& options);

// What TlsOptions' files hold at the moment. Thread-safe.
class TlsFiles {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Errors: FAILED_PRECONDITION naming option and file. `warn` may be null.
  static absl::StatusOr<std::unique_ptr<TlsFiles>> Open(const TlsOptions& options,
                                                        std::function<void(std::string_view)> warn, Time now);

  // False: there is nothing that could change.
  bool any() const { return any_; }

  // For connections that are made now. Another material is another object.
  std::shared_ptr<const TlsMaterial> Get(Time now);

 private:
  TlsFiles(const TlsOptions& options, std::function<void(std::string_view)> warn);

  absl::Status Refresh(Time now, bool now_or_never);

  const TlsOptions options_;
  const std::function<void(std::string_view)> warn_;
  const bool any_;
  std::mutex mutex_;  // guards both below
  WatchedFiles files_;
  std::shared_ptr<const TlsMaterial> material_;
};

}  // namespace dispatchctl::internal
