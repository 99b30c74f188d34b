#pragma once

#include <string>
#include <vector>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// What is unsafe about how a file with a secret in it (a private key, a token) is kept: a sentence for
/// people each, which names the file and never shows its content. Empty: nothing, or the file cannot be
/// looked at, which whoever reads it tells better. Symbolic links are followed. Looks at nothing but the
/// file's mode.
DISPATCHCTL_EXPORT std::vector<std::string> CheckSecretFile(const std::string& path);

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
