#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dispatchctl::cli {

/// A word that may stand where the cursor is.
struct Candidate {
  std::string word;
  std::string_view description{};
};

/// How a command line may go on.
struct Completion {
  std::vector<Candidate> candidates;
  bool files = false;       ///< names of files, too
  std::string file_prefix;  ///< what is in front of the file's name in the word at the cursor
};

/// The names of the contexts in a configuration file, which is empty for the usual one.
using ContextNames = std::function<std::vector<std::string>(const std::string&)>;

/// Completes the last of `words`, which may be empty; the others stand in front of it, without the program.
/// All comes from the option table, but for contexts, which are asked for only where they are wanted.
Completion Complete(std::span<const std::string_view> words, const ContextNames& context_names);

}  // namespace dispatchctl::cli
