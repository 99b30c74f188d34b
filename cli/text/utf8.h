#pragma once

#include <cstddef>
#include <string_view>

namespace dispatchctl::cli {

/// Bytes of the well-formed UTF-8 sequence that starts at `offset`, or 0 when none does.
std::size_t Utf8SequenceLength(std::string_view text, std::size_t offset);

/// Offset of the first byte that is not part of well-formed UTF-8, or npos.
std::size_t FindInvalidUtf8(std::string_view text);

}  // namespace dispatchctl::cli
