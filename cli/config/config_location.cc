#include "config/config_location.h"

#include <fmt/format.h>

#include <cstddef>

namespace dispatchctl::cli {
namespace {

// Relative paths in such variables are to be ignored, says the XDG Base Directory Specification.
std::string_view AbsolutePath(const Environment& environment, std::string_view variable) {
  const std::string_view path = environment(variable).value_or("");
  return path.substr(0, 1) == "/" ? path : std::string_view();
}

}  // namespace

ConfigLocation LocateConfig(const GlobalOptions& global, const Environment& environment) {
  constexpr std::string_view kFile = "dispatchctl/config.toml";
  if (!global.config_file.empty()) return {.path = global.config_file, .named = true};
  if (const std::string_view home = AbsolutePath(environment, "XDG_CONFIG_HOME"); !home.empty()) {
    return {.path = fmt::format("{}/{}", home, kFile)};
  }
  if (const std::string_view home = AbsolutePath(environment, "HOME"); !home.empty()) {
    return {.path = fmt::format("{}/.config/{}", home, kFile)};
  }
  return {};
}

std::string PathFromConfig(std::string_view path, std::string_view config_path,
                           const Environment& environment) {
  if (path.substr(0, 1) == "/") return std::string(path);
  if (path.substr(0, 2) == "~/") {
    const std::string_view home = AbsolutePath(environment, "HOME");
    if (!home.empty()) return fmt::format("{}/{}", home, path.substr(2));
  }
  const std::size_t slash = config_path.rfind('/');
  if (slash == std::string_view::npos) return std::string(path);
  return fmt::format("{}/{}", config_path.substr(0, slash), path);
}

}  // namespace dispatchctl::cli
