#pragma once

#include <span>
#include <string_view>

#include "commands/command.h"

namespace dispatchctl::cli {

/// The first argument of the program when it is a shell that asks, and not a person.
inline constexpr std::string_view kCompleteCommand = "__complete";

/// Prints what the last of `words` may become, a candidate a line with its description behind a tab; then
/// ":words", or ":files PREFIX" where names of files may stand, too. Says nothing of errors: there is nobody
/// to read it in the middle of a command line.
CommandResult RunComplete(std::span<const std::string_view> words, const Environment& environment);

}  // namespace dispatchctl::cli
