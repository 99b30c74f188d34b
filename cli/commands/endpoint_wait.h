#pragma once

#include <dispatchctl/client.h>

#include <chrono>
#include <functional>
#include <optional>

#include "config/options.h"
#include "output/error_report.h"

namespace dispatchctl::cli {

/// Waits until the client is connected to every endpoint of its target or has failed to, for at most the
/// connect time-out. The error tells why none is connected; nothing where one is, and when `pause` said so.
///
/// `pause(time)` waits so long; false: there is nothing to wait for any more, such as after a signal. Where
/// nothing can be reached a lookup is made to learn why, which does not leave this machine.
std::optional<ErrorReport> WaitForEndpoints(const Client& client, const GlobalOptions& global,
                                            const std::function<bool(std::chrono::nanoseconds)>& pause);

}  // namespace dispatchctl::cli
