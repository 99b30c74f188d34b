#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// Appends `text` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string& out, std::string_view text);

/// Appends `text` fit for a terminal: control characters are escaped, bytes that are not UTF-8 become U+FFFD.
void AppendPrintable(std::string& out, std::string_view text);

/// All of `text`, printable and in single quotes, for messages.
std::string Quoted(std::string_view text);

/// The beginning of `text`, printable and in double quotes, for messages.
std::string QuotedExcerpt(std::string_view text);

/// Columns that `text`, which must be printable UTF-8, takes; one for each code point.
std::size_t DisplayWidth(std::string_view text);

}  // namespace dispatchctl::cli
