// Edits of the configuration file (context set, use, remove): each does what it says and nothing else, and
// can be taken back. The lines are a context's name, an option's name and its value; the rest is the file.

#include <string>

#include "config/config_edit.h"
#include "config/config_file.h"
#include "fuzz_input.h"

using dispatchctl::cli::ConfigContext;
using dispatchctl::cli::ConfigEntry;
using dispatchctl::cli::ConfigFile;
using dispatchctl::cli::ContextNameProblem;
using dispatchctl::cli::FindContext;
using dispatchctl::cli::FindEntry;
using dispatchctl::cli::FindGlobalOption;
using dispatchctl::cli::OptionSpec;
using dispatchctl::cli::ParseConfig;
using dispatchctl::cli::TomlValue;
using dispatchctl::cli::WithContext;
using dispatchctl::cli::WithCurrentContext;
using dispatchctl::cli::WithoutContext;
using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;

namespace {

bool SameContexts(const ConfigFile& a, const ConfigFile& b, std::string_view but_for) {
  for (const ConfigContext& context : a.contexts) {
    if (context.name == but_for) continue;
    const ConfigContext* const other = FindContext(b, context.name);
    if (other == nullptr || other->entries.size() != context.entries.size()) return false;
    for (const ConfigEntry& entry : context.entries) {
      const ConfigEntry* const same = FindEntry(*other, entry.key);
      if (same == nullptr || same->values != entry.values) return false;
    }
  }
  return true;
}

const ConfigEntry* Find(const ConfigFile& config, std::string_view name, std::string_view key) {
  const ConfigContext* const context = FindContext(config, name);
  return context == nullptr ? nullptr : FindEntry(*context, key);
}

void CheckOption(const std::string& text, const ConfigFile& before, const std::string& name,
                 const OptionSpec& spec, const std::string& value) {
  const std::string key(spec.name);
  const std::string toml = TomlValue(spec, {value});
  const auto edited = WithContext(text, name, {{key, toml}});
  if (!edited.ok()) return;
  const ConfigFile after = ParseConfig(*edited);
  const ConfigEntry* const entry = Find(after, name, key);
  Require(entry != nullptr && edited->substr(entry->value_range.begin,
                                             entry->value_range.end - entry->value_range.begin) == toml,
          "what is set stands in the file");
  Require(SameContexts(before, after, name) && SameContexts(after, before, name), "other contexts stay");
  const auto twice = WithContext(*edited, name, {{key, toml}});
  Require(twice.ok() && *twice == *edited, "setting the same again changes nothing");

  if (const ConfigEntry* const old = Find(before, name, key)) {
    const auto& range = old->value_range;
    const auto back = WithContext(*edited, name, {{key, text.substr(range.begin, range.end - range.begin)}});
    Require(back.ok() && *back == text, "what was there can be put back");
  }
  const auto without = WithContext(*edited, name, {{key, std::nullopt}});
  if (without.ok()) Require(Find(ParseConfig(*without), name, key) == nullptr, "what is taken out is gone");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::string name(input.Line());
  const OptionSpec* const spec = FindGlobalOption(input.Line());
  const std::string value(input.Line());
  const std::string text(input.rest());
  // The command refuses such a name first, and what the option itself would not take.
  if (!ContextNameProblem(name).empty()) return 0;
  const ConfigFile before = ParseConfig(text);
  dispatchctl::cli::CommandLine scratch;
  if (spec != nullptr && spec->in_context && spec->apply(scratch, value).ok())
    CheckOption(text, before, name, *spec, value);

  const auto current = WithCurrentContext(text, name);
  if (current.ok()) {
    const ConfigFile after = ParseConfig(*current);
    Require(after.current && after.current->values.front() == name, "the context is the current one");
    Require(SameContexts(before, after, {}) && SameContexts(after, before, {}), "the contexts stay");
  }
  const auto removed = WithoutContext(text, name);
  if (removed.ok()) {
    const ConfigFile after = ParseConfig(*removed);
    Require(FindContext(after, name) == nullptr, "the context is gone");
    Require(!after.current || after.current->values.front() != name, "what is gone is not the current one");
    Require(SameContexts(before, after, name), "the others stay");
  }
  return 0;
}
