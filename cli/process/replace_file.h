#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// Makes the directories that `path` is in, where they are missing, for this user only. Returns 0 or the
/// error number.
int MakeDirectoriesOf(const std::string& path);

/// Puts `text` in the place of the file in one step: whoever reads it meets the old text or the new one. The
/// directory must be there. Returns 0 or the error number.
int ReplaceFile(const std::string& path, std::string_view text, mode_t mode);

}  // namespace dispatchctl::cli
