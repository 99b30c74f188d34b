#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace dispatchctl::mock {

// The whole file. INVALID_ARGUMENT names the path and the operating system's reason.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace dispatchctl::mock
