#include "config/context_settings.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "config/suggestion.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

ErrorReport NoConfigError(const ConfigLocation& location, std::string_view context) {
  if (location.path.empty()) {
    return ConfigError(
        "there is no configuration file: neither XDG_CONFIG_HOME nor HOME says where it would be",
        "name one with --config");
  }
  return ConfigError(context.empty() ? fmt::format("there is no configuration file {}", location.path)
                                     : fmt::format("no context {}: there is no configuration file {}",
                                                   Quoted(context), location.path),
                     "'dispatchctl context set NAME -s HOST:PORT' writes one");
}

}  // namespace

ErrorReport ConfigProblemError(std::string_view path, const ConfigProblem& problem) {
  return ConfigError(fmt::format("{}:{}:{}: {}", path, problem.line, problem.column, problem.message),
                     problem.hint);
}

ErrorReport UnknownContextError(const ConfigFile& config, std::string_view path, std::string_view name) {
  std::vector<std::string_view> known;
  for (const ConfigContext& context : config.contexts) known.emplace_back(context.name);
  std::string hint = DidYouMean(name, known, {});
  if (!hint.empty()) hint += ' ';
  hint += known.empty() ? "it has no contexts; 'dispatchctl context set NAME -s HOST:PORT' adds one"
                        : fmt::format("there are: {}", fmt::join(known, ", "));
  return ConfigError(fmt::format("no context {} in {}", Quoted(name), path), std::move(hint));
}

Settings ContextSettings(const ConfigContext& context, std::string_view path,
                         const Environment& environment) {
  Settings settings;
  for (const ConfigEntry& entry : context.entries) {
    if (entry.spec == nullptr || entry.values.empty()) continue;
    Setting setting{entry.spec, entry.values, SettingSource::kContext,
                    fmt::format("{} at {}:{}", context.name, path, entry.key_range.line)};
    for (std::string& value : setting.values) {
      if (entry.spec->kind == ValueKind::kFile) {
        value = PathFromConfig(value, path, environment);
      } else if (entry.spec->kind == ValueKind::kHeader && value.substr(0, 1) == "@") {
        value = "@" + PathFromConfig(value.substr(1), path, environment);
      }
    }
    settings.push_back(std::move(setting));
  }
  ImplyTls(settings);
  return settings;
}

ContextChoice ChooseContext(const GlobalOptions& global, const Environment& environment,
                            const ConfigReader& read_config) {
  ContextChoice choice;
  const ConfigLocation location = LocateConfig(global, environment);
  const bool needed = location.named || !global.context.empty();
  if (location.path.empty()) {
    if (needed) choice.error = NoConfigError(location, global.context);
    return choice;
  }
  absl::StatusOr<std::optional<ConfigText>> text = read_config(location.path);
  if (!text.ok()) {
    choice.error = ConfigError(std::string(text.status().message()),
                               location.named ? "" : "--config /dev/null goes without one");
    return choice;
  }
  if (!text->has_value()) {
    if (needed) choice.error = NoConfigError(location, global.context);
    return choice;
  }
  choice.warning = std::move((*text)->warning);
  const ConfigFile config = ParseConfig((*text)->text);
  if (config.syntax_error.has_value()) {
    choice.error = ConfigProblemError(location.path, *config.syntax_error);
    return choice;
  }
  const bool asked = !global.context.empty();
  // Who names another context need not care for the current one.
  for (const ConfigProblem& problem : config.problems) {
    const bool of_current = config.current.has_value() && problem.line == config.current->value_range.line;
    if (asked && of_current) continue;
    choice.error = ConfigProblemError(location.path, problem);
    return choice;
  }
  if (!asked && !config.current.has_value()) return choice;
  choice.name = asked ? global.context : config.current->values.front();
  if (!asked) {
    choice.current = fmt::format("current-context at {}:{}", location.path, config.current->key_range.line);
  }
  const ConfigContext* const context = FindContext(config, choice.name);
  if (context == nullptr) {
    choice.error = UnknownContextError(config, location.path, choice.name);
  } else if (!context->problems.empty()) {
    choice.error = ConfigProblemError(location.path, context->problems.front());
  } else {
    choice.settings = ContextSettings(*context, location.path, environment);
  }
  return choice;
}

}  // namespace dispatchctl::cli
