#pragma once

#include <string_view>

namespace dispatchctl::cli {

/// Writes all of `text`, however slow the reader is. Returns 0 or the error number.
int WriteAll(int fd, std::string_view text);

}  // namespace dispatchctl::cli
