#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// The whole of a file that people write by hand, at most 1 MiB.
/// Errors: FAILED_PRECONDITION saying what is wrong with which `what`, e.g. "header file x: Is a directory".
absl::StatusOr<std::string> ReadSmallFile(std::string_view what, const std::string& path);

/// The same of a file that need not be there: nothing then.
absl::StatusOr<std::optional<std::string>> ReadSmallFileIfAny(std::string_view what, const std::string& path);

}  // namespace dispatchctl::cli
