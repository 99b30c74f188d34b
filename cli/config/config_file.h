#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/option_table.h"

namespace dispatchctl::cli {

/// A stretch of the file's text: bytes [begin, end), and for people the line and column, from 1, of its
/// beginning. Columns count code points.
struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  unsigned line = 0;
  unsigned column = 0;
};

/// One thing that is wrong, and where.
struct ConfigProblem {
  unsigned line = 0;
  unsigned column = 0;
  std::string message{};
  std::string hint{};
};

/// One key with its value.
struct ConfigEntry {
  std::string key{};
  const OptionSpec* spec = nullptr;   ///< null: no option has that name
  std::vector<std::string> values{};  ///< as flags would give them; empty when they cannot be used
  TextRange key_range{};
  TextRange value_range{};
};

/// How a context stands in the file.
enum class ContextForm {
  kSection,  ///< under a header of its own, [contexts.NAME]
  kDotted,   ///< as keys such as contexts.NAME.server
  kInline,   ///< as NAME = { ... }
};

struct ConfigContext {
  std::string name{};
  ContextForm form = ContextForm::kSection;
  TextRange key_range{};                  ///< its name
  TextRange range{};                      ///< its header, or what stands in braces
  std::vector<ConfigEntry> entries{};     ///< in the file's order
  std::vector<ConfigProblem> problems{};  ///< those that matter to whoever uses it
};

/// A configuration file as it was read: what can be used, what cannot, and where everything stands.
struct ConfigFile {
  std::optional<ConfigProblem> syntax_error;  ///< then there is nothing else
  std::optional<ConfigEntry> current;         ///< current-context
  std::optional<TextRange> last_top_level;    ///< the last value before the first header
  std::optional<TextRange> contexts_inline;   ///< contexts = { ... }
  std::vector<ConfigContext> contexts;        ///< in the file's order
  std::vector<ConfigProblem> problems;        ///< those outside contexts
};

/// Reads the text of a configuration file. Never fails: what is wrong is in the result.
ConfigFile ParseConfig(std::string_view text);

/// Null when there is none of that name.
const ConfigContext* FindContext(const ConfigFile& config, std::string_view name);
const ConfigEntry* FindEntry(const ConfigContext& context, std::string_view key);

/// What is wrong with `name` as the name of a context; empty when nothing is.
std::string_view ContextNameProblem(std::string_view name);

/// A key or value as TOML has it.
std::string TomlKey(std::string_view key);
std::string TomlValue(const OptionSpec& spec, const std::vector<std::string>& values);
std::string TomlString(std::string_view text);

}  // namespace dispatchctl::cli
