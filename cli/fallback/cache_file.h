#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "config/environment.h"

namespace dispatchctl::cli {

/// The file for what one service says, below $XDG_CACHE_HOME/dispatchctl, else ~/.cache/dispatchctl.
/// `service` is its name, which becomes a hash. Empty: neither variable holds an absolute path.
std::string StatusCachePath(std::string_view service, const Environment& environment);

/// Reads a regular file of at most `most_bytes`. Errors: NOT_FOUND when there is none; others say what is
/// wrong, without the path.
absl::StatusOr<std::string> ReadCacheFile(const std::string& path, std::size_t most_bytes);

/// Puts `text` in the file's place in one step, for this user's eyes only; makes its directories where they
/// are missing. Errors say what is wrong, without the path.
absl::Status ReplaceCacheFile(const std::string& path, std::string_view text);

}  // namespace dispatchctl::cli
