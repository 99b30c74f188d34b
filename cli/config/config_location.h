#pragma once

#include <string>
#include <string_view>

#include "config/environment.h"
#include "config/options.h"

namespace dispatchctl::cli {

/// Where the configuration file is, or would be.
struct ConfigLocation {
  std::string path;    ///< empty: neither XDG_CONFIG_HOME nor HOME holds an absolute path
  bool named = false;  ///< the user has named it, so that it has to be there
};

/// That of --config; else $XDG_CONFIG_HOME/dispatchctl/config.toml; else the same below ~/.config.
ConfigLocation LocateConfig(const GlobalOptions& global, const Environment& environment);

/// A file as a context of the configuration file `config_path` names it: relative to that file's directory;
/// "~/" is the user's home.
std::string PathFromConfig(std::string_view path, std::string_view config_path,
                           const Environment& environment);

}  // namespace dispatchctl::cli
