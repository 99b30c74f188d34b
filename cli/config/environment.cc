#include "config/environment.h"

#include <cstdlib>
#include <string>

namespace dispatchctl::cli {

Environment ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string_view> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

}  // namespace dispatchctl::cli
