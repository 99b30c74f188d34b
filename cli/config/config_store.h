#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/context_settings.h"

namespace dispatchctl::cli {

/// Reads the configuration file at `path`, of any kind that can be read; nothing when there is none. Warns of
/// one that others than its owner can write. Errors: FAILED_PRECONDITION naming it.
absl::StatusOr<std::optional<ConfigText>> ReadConfigFile(const std::string& path);

/// Gives the new text for an old one; the old one is empty where there is no file.
using ConfigEdit = std::function<absl::StatusOr<std::string>(std::string_view)>;

/// Edits the configuration file at `path`, which is made, with its directories, where it is missing, for
/// this user only. Whoever reads it meanwhile meets the old text or the new one; others who edit it this way
/// wait. A symbolic link stays one. Errors: those of `edit`; FAILED_PRECONDITION naming the file.
absl::Status EditConfigFile(const std::string& path, const ConfigEdit& edit);

}  // namespace dispatchctl::cli
