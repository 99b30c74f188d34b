#pragma once

#include <optional>

#include "config/environment.h"
#include "config/options.h"
#include "output/error_report.h"

namespace dispatchctl::cli {

/// What the user asked for. When `error` is set, `line` still holds what could be understood, so that the
/// error comes in the format that was asked for.
struct ParsedCommandLine {
  CommandLine line;
  std::optional<ErrorReport> error;
};

/// Reads flags and environment: flag > environment > built-in.
ParsedCommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment);

}  // namespace dispatchctl::cli
