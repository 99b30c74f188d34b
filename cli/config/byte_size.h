#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string_view>

namespace dispatchctl::cli {

/// Reads "1MiB", "64KiB", "1GiB", "10kB", "512B" or a bare number of bytes.
/// Errors: INVALID_ARGUMENT saying what is wrong, without repeating the text.
absl::StatusOr<std::size_t> ParseByteSize(std::string_view text);

}  // namespace dispatchctl::cli
