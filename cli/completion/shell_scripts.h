#pragma once

#include <string_view>

namespace dispatchctl::cli {

/// What makes "bash", "zsh" or "fish" complete command lines of dispatchctl; empty for other shells. The
/// scripts ask the program itself, with `dispatchctl __complete WORD...`, so that they fit every version.
std::string_view CompletionScript(std::string_view shell);

}  // namespace dispatchctl::cli
