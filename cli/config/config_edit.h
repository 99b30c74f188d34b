#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dispatchctl::cli {

// Edits of a configuration file's text. What they do not touch stays as it is, comments, order and line ends
// included. The text must be TOML. Errors: NOT_FOUND when the context is not there; FAILED_PRECONDITION when
// the text is such that a person has to make the change.

/// A key of a context, and its new value as TOML; no value: the key goes.
struct KeyChange {
  std::string key;
  std::optional<std::string> value{};
};

/// Makes the changes in order; adds the context at the end when it is not there.
absl::StatusOr<std::string> WithContext(std::string_view text, std::string_view name,
                                        const std::vector<KeyChange>& changes);

/// Takes the context out, the comment right above it included, and what says that it is the current one.
absl::StatusOr<std::string> WithoutContext(std::string_view text, std::string_view name);

/// Makes the context the current one.
absl::StatusOr<std::string> WithCurrentContext(std::string_view text, std::string_view name);

}  // namespace dispatchctl::cli
