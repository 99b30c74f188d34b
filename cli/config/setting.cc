#include "config/setting.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

bool IsSwitch(const Setting& setting) {
  return setting.spec->arity == OptionArity::kFlag;
}

// A switch that is off asks for nothing; one that cannot be read is an error of its own.
bool IsOn(const Setting& setting) {
  if (!IsSwitch(setting)) return true;
  bool on = false;
  return !ApplyBool(setting.values.back(), on).ok() || on;
}

bool NamesOneAnother(const Setting& a, const Setting& b) {
  return a.spec->excludes == b.spec->name || b.spec->excludes == a.spec->name;
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    if (newline != 0) lines.emplace_back(text.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return lines;
}

}  // namespace

std::string_view SettingSourceName(SettingSource source) {
  switch (source) {
    case SettingSource::kContext:
      return "context";
    case SettingSource::kEnvironment:
      return "environment";
    case SettingSource::kFlag:
      return "flag";
    case SettingSource::kBuiltIn:
      break;
  }
  return "built-in";
}

const Setting* FindSetting(const Settings& settings, std::string_view name) {
  for (const Setting& setting : settings) {
    if (setting.spec->name == name) return &setting;
  }
  return nullptr;
}

Settings EnvironmentSettings(const Environment& environment) {
  Settings settings;
  for (const OptionSpec& spec : GlobalOptionTable()) {
    std::string variable = EnvironmentVariable(spec);
    const std::optional<std::string_view> value = environment(variable);
    if (!value.has_value() || value->empty()) continue;
    std::vector<std::string> values;
    if (spec.arity == OptionArity::kRepeated) {
      values = Lines(*value);
    } else {
      values.emplace_back(*value);
    }
    if (values.empty()) continue;
    settings.push_back({&spec, std::move(values), SettingSource::kEnvironment, std::move(variable)});
  }
  return settings;
}

void ImplyTls(Settings& settings) {
  constexpr std::string_view kTls = "tls";
  constexpr std::string_view kOpposite = "plaintext";
  if (FindSetting(settings, kTls) != nullptr) return;
  for (const Setting& setting : settings) {
    if (IsSwitch(setting) || setting.spec->excludes != kOpposite) continue;
    Setting tls{FindGlobalOption(kTls), {"true"}, setting.source, setting.where};
    settings.push_back(std::move(tls));
    return;
  }
}

std::pair<std::string_view, std::string_view> FindExclusion(const Settings& settings, bool switches_only) {
  for (auto first = settings.begin(); first != settings.end(); ++first) {
    if (!IsOn(*first)) continue;
    for (auto second = first + 1; second != settings.end(); ++second) {
      if (switches_only && (!IsSwitch(*first) || !IsSwitch(*second))) continue;
      if (IsOn(*second) && NamesOneAnother(*first, *second)) {
        return {first->spec->name, second->spec->name};
      }
    }
  }
  return {};
}

void AddLowerLevel(Settings& settings, const Settings& lower) {
  const std::size_t higher = settings.size();
  for (const Setting& candidate : lower) {
    const auto end = settings.begin() + static_cast<std::ptrdiff_t>(higher);
    const bool beaten = std::any_of(settings.begin(), end, [&candidate](const Setting& setting) {
      if (setting.spec == candidate.spec) return true;
      return IsSwitch(setting) && IsOn(setting) && NamesOneAnother(setting, candidate);
    });
    if (!beaten) settings.push_back(candidate);
  }
}

}  // namespace dispatchctl::cli
