#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/environment.h"
#include "config/option_table.h"

namespace dispatchctl::cli {

/// What gives an option its value; the later ones beat the earlier ones.
enum class SettingSource { kBuiltIn, kContext, kEnvironment, kFlag };

/// "built-in", "context", "environment" or "flag".
std::string_view SettingSourceName(SettingSource source);

/// One global option and what it was given, not applied yet.
struct Setting {
  const OptionSpec* spec = nullptr;
  std::vector<std::string> values;  ///< more than one for repeated options only
  SettingSource source = SettingSource::kBuiltIn;
  std::string where;  ///< "-s/--server", "DISPATCHCTL_SERVER", "staging at FILE:LINE"
};

/// At most one for each option.
using Settings = std::vector<Setting>;

/// Null when the option is not among them.
const Setting* FindSetting(const Settings& settings, std::string_view name);

/// What the environment says. Empty variables do not count; one of a repeated option has a value a line.
Settings EnvironmentSettings(const Environment& environment);

/// Adds `tls` for options that say how to do TLS, unless it is among them. Flags and contexts are about one
/// target, so that a certificate there says that TLS is wanted; the environment is for all targets.
void ImplyTls(Settings& settings);

/// The names of two settings that exclude each other, or two empty ones. With `switches_only`, options with
/// values exclude nothing.
std::pair<std::string_view, std::string_view> FindExclusion(const Settings& settings, bool switches_only);

/// Adds to `settings` those of the next level below: whatever is not set yet, nor excluded by what is.
/// A repeated option is replaced as a whole, like any other.
void AddLowerLevel(Settings& settings, const Settings& lower);

}  // namespace dispatchctl::cli
