#pragma once

#include <dispatchctl/call_report.h>

#include <chrono>
#include <cstddef>
#include <optional>

#include "commands/command.h"

namespace dispatchctl::cli {

/// Longer lines cannot be ids, whatever they are.
inline constexpr std::size_t kMaxIdLine = std::size_t{64} << 10U;

/// Fills context.client, and context.status_cache where last known statuses are wanted.
std::optional<ErrorReport> ConnectForLookups(CommandContext& context);

/// How old a last known status is; nothing for one that has just been given.
std::optional<std::chrono::nanoseconds> StaleAge(const CallReport& report);

}  // namespace dispatchctl::cli
