#pragma once

#include <absl/status/statusor.h>
#include <dispatchctl/validation.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dispatchctl::cli {

/// Reads "key: value" as a key and a value that can be sent. Errors: INVALID_ARGUMENT, without the value.
absl::StatusOr<std::pair<std::string, std::string>> ParseHeader(std::string_view text);

/// Reads -H values: "key: value", or "@file" with one such line each (blank lines and lines that start with
/// '#' are skipped). The value of a "-bin" key is base64.
/// Errors: INVALID_ARGUMENT for an entry that cannot be sent; FAILED_PRECONDITION for a file that cannot be
/// read or used. No message ever contains a value.
absl::StatusOr<Metadata> ReadHeaders(const std::vector<std::string>& headers);

}  // namespace dispatchctl::cli
