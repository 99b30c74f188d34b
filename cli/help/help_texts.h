#pragma once

#include <string_view>
#include <vector>

#include "config/options.h"

namespace dispatchctl::cli {

// What help says that no option table knows.

/// What a command is for, its usage and examples; that of the program with kNone.
std::string_view Introduction(Command command);

/// The written part of a topic; empty for an unknown one, and where all of it is made.
std::string_view TopicText(std::string_view topic);

std::vector<std::string_view> HelpTopics();

}  // namespace dispatchctl::cli
