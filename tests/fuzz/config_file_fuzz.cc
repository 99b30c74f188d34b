// The configuration file: whatever its text is, what is found in it stands where it is said to stand.

#include <algorithm>
#include <string>

#include "config/config_file.h"
#include "fuzz_input.h"

using dispatchctl::cli::ConfigContext;
using dispatchctl::cli::ConfigEntry;
using dispatchctl::cli::ConfigFile;
using dispatchctl::cli::ConfigProblem;
using dispatchctl::cli::ParseConfig;
using dispatchctl::cli::TextRange;
using dispatchctl::fuzz::AsText;
using dispatchctl::fuzz::Require;

namespace {

void CheckRange(std::string_view text, const TextRange& range) {
  Require(range.begin < range.end && range.end <= text.size(), "what is found is in the text");
  Require(range.line >= 1 && range.column >= 1, "lines and columns are counted from 1");
  const auto before = text.substr(0, range.begin);
  Require(range.line == 1U + static_cast<unsigned>(std::count(before.begin(), before.end(), '\n')),
          "a place is in its line");
}

void CheckProblem(const ConfigProblem& problem) {
  Require(!problem.message.empty(), "a problem says what it is");
  Require(std::none_of(problem.message.begin(), problem.message.end(),
                       [](char c) { return static_cast<unsigned char>(c) < ' '; }),
          "a problem can be shown");
}

void CheckEntry(std::string_view text, const ConfigEntry& entry) {
  CheckRange(text, entry.key_range);
  CheckRange(text, entry.value_range);
  Require(entry.key_range.end <= entry.value_range.begin, "a value stands behind its key");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(data, size);
  const ConfigFile config = ParseConfig(text);
  if (config.syntax_error) {
    Require(config.contexts.empty() && !config.current, "of what is no TOML nothing is used");
    return 0;
  }
  for (const ConfigProblem& problem : config.problems) CheckProblem(problem);
  if (config.current) CheckEntry(text, *config.current);
  if (config.last_top_level) CheckRange(text, *config.last_top_level);
  if (config.contexts_inline) CheckRange(text, *config.contexts_inline);
  for (const ConfigContext& context : config.contexts) {
    CheckRange(text, context.key_range);
    CheckRange(text, context.range);
    for (const ConfigEntry& entry : context.entries) {
      CheckEntry(text, entry);
      Require(entry.spec != nullptr || entry.values.empty(), "an unknown key has no value");
    }
    for (const ConfigProblem& problem : context.problems) CheckProblem(problem);
  }
  return 0;
}
