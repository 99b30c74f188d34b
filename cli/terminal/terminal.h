#pragma once

#include <cstddef>

#include "config/environment.h"
#include "config/options.h"

namespace dispatchctl::cli {

/// What the standard streams are, and how to write to them.
struct Terminal {
  bool output_is_terminal = false;
  bool error_is_terminal = false;
  bool output_color = false;
  bool error_color = false;
  bool error_can_erase = false;  ///< stderr is a terminal on which a line can be written over
};

/// The flag beats NO_COLOR, which beats CLICOLOR_FORCE and FORCE_COLOR, which beat CLICOLOR=0; else colour
/// goes to terminals that are not dumb.
bool UseColor(ColorMode mode, bool is_terminal, const Environment& environment);

Terminal InspectTerminal(ColorMode mode, const Environment& environment);

/// Whether text may have characters beyond ASCII, by LC_ALL, LC_CTYPE and LANG: the first that is set and not
/// empty names the character set.
bool LocaleIsUtf8(const Environment& environment);

/// How wide stderr's terminal is just now; 80 where it does not say.
std::size_t ErrorColumns();

/// What "auto" stands for.
OutputFormat ResolveOutputFormat(OutputFormat format, bool output_is_terminal);

/// True when errors are to be JSON.
bool WantsJsonErrors(ErrorFormat error_format, OutputFormat resolved_output);

}  // namespace dispatchctl::cli
