#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/config_file.h"
#include "config/config_location.h"
#include "config/setting.h"
#include "output/error_report.h"

namespace dispatchctl::cli {

/// A configuration file as it lies on the disk.
struct ConfigText {
  std::string text;
  std::string warning{};  ///< that others can write it, say
};

/// Reads the file at a path; nothing when there is none. Errors: FAILED_PRECONDITION naming the file. A
/// parameter, so that tests need no files.
using ConfigReader = std::function<absl::StatusOr<std::optional<ConfigText>>(const std::string&)>;

/// A problem as the error that ends a command: "FILE:LINE:COLUMN: what is wrong".
ErrorReport ConfigProblemError(std::string_view path, const ConfigProblem& problem);

/// That there is no such context: names the nearest one, or all.
ErrorReport UnknownContextError(const ConfigFile& config, std::string_view path, std::string_view name);

/// What a context gives.
Settings ContextSettings(const ConfigContext& context, std::string_view path, const Environment& environment);

/// What the configuration file has to say about a run.
struct ContextChoice {
  std::string name;     ///< of the context that is used; empty: none is
  std::string current;  ///< where the file says so; empty where the user does
  Settings settings;
  std::string warning;
  std::optional<ErrorReport> error;
};

/// Reads the file and picks the context that is asked for, else the current one. Mistakes in other contexts
/// are nobody's trouble here.
ContextChoice ChooseContext(const GlobalOptions& global, const Environment& environment,
                            const ConfigReader& read_config);

}  // namespace dispatchctl::cli
