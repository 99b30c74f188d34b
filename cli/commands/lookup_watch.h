#pragma once

#include "commands/command.h"

namespace dispatchctl::cli {

/// lookup --watch: the same couriers again and again, until something is met, time is up or somebody stops
/// it.
CommandResult WatchLookups(CommandContext& context);

}  // namespace dispatchctl::cli
