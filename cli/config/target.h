#pragma once

#include <string_view>

namespace dispatchctl::cli {

/// True when every address the target names is a loopback address, "localhost" or a unix socket, so that
/// what is sent to it in plaintext stays on this machine.
bool IsLocalTarget(std::string_view target);

}  // namespace dispatchctl::cli
