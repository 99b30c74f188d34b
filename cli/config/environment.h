#pragma once

#include <functional>
#include <optional>
#include <string_view>

namespace dispatchctl::cli {

/// Looks an environment variable up; a parameter, so that tests need not change their own process.
using Environment = std::function<std::optional<std::string_view>(std::string_view)>;

/// The process's own.
Environment ProcessEnvironment();

}  // namespace dispatchctl::cli
