#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// The courier id that a line of input holds, which is not blank: the line itself, or "courier_id" of a JSON
/// object, such as lookup itself prints. Its length is not checked. Errors: DATA_LOSS for bytes that are no
/// text, naming the column; INVALID_ARGUMENT for an object without an id.
absl::StatusOr<std::string> CourierIdOf(std::string_view line);

}  // namespace dispatchctl::cli
