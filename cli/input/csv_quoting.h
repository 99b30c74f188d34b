#pragma once

#include <string_view>

namespace dispatchctl::cli {

/// Whether a line of CSV (RFC 4180) ends within a quoted field, so that the record goes on with the next
/// line. `began_inside` says that the line before it did. A quote opens a field only at the field's start:
/// one that stands elsewhere is wrong, and must not swallow the lines that follow.
bool EndsInsideQuotes(std::string_view line, bool began_inside);

}  // namespace dispatchctl::cli
