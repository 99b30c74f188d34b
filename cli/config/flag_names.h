#pragma once

#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// A message of the SDK's that begins with one of its options, such as "token_file: ...", with the flag that
/// sets it in its place; any other as it is.
std::string WithFlagName(std::string_view message);

}  // namespace dispatchctl::cli
