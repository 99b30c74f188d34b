#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/context_settings.h"
#include "config/environment.h"
#include "config/options.h"
#include "config/setting.h"
#include "output/error_report.h"

namespace dispatchctl::cli {

/// What the user asked for. When `error` is set, `line` still holds what could be understood, so that the
/// error comes in the format that was asked for.
struct ParsedCommandLine {
  CommandLine line;
  Settings flags;        ///< the global options of the command line
  Settings environment;  ///< those of the environment
  std::vector<std::string> warnings;
  std::optional<ErrorReport> error;
};

/// Reads flags, the environment and, for commands that use it, the configuration file:
/// flag > environment > context > built-in.
ParsedCommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment,
                                   const ConfigReader& read_config);

}  // namespace dispatchctl::cli
