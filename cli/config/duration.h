#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string_view>

namespace dispatchctl::cli {

/// Reads "250ms", "5s", "1m", "1.5h", "1m30s". A bare number is refused: its unit would be a guess.
/// Errors: INVALID_ARGUMENT saying what is wrong, without repeating the text.
absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

}  // namespace dispatchctl::cli
