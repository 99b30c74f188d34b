#pragma once

#include <string>
#include <string_view>

#include "config/options.h"

namespace dispatchctl::cli {

/// What --help prints for a command, or for the program as a whole with kNone. At most 80 columns.
std::string CommandHelp(Command command);

/// The text of a help topic; empty for an unknown one.
std::string TopicHelp(std::string_view topic);

}  // namespace dispatchctl::cli
