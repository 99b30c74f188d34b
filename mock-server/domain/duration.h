#pragma once

#include <chrono>
#include <string_view>

#include "absl/status/statusor.h"

namespace dispatchctl::mock {

// A number with a unit: 250us, 5ms, 1.5s, 1m, 2h. A bare number is an error.
absl::StatusOr<std::chrono::microseconds> ParseDuration(std::string_view text);

}  // namespace dispatchctl::mock
