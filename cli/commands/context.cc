#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "commands/command.h"
#include "config/config_edit.h"
#include "config/config_file.h"
#include "config/config_location.h"
#include "config/config_store.h"
#include "config/context_settings.h"
#include "config/option_table.h"
#include "config/suggestion.h"
#include "output/field_selection.h"
#include "output/make_format.h"
#include "output/record_stream.h"
#include "output/run_errors.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kHelpHint = "see 'dispatchctl context --help'";

// A header's value may be a secret; its name is not.
std::string ShownValue(const OptionSpec& spec, const std::string& value) {
  constexpr std::string_view kHidden = "REDACTED";
  if (!spec.secret || value.empty() || value.substr(0, 1) == "@") return value;
  const std::size_t colon = value.find(':');
  if (spec.kind != ValueKind::kHeader || colon == std::string::npos) return std::string(kHidden);
  return fmt::format("{}: {}", value.substr(0, colon), kHidden);
}

// A file of the command line, as it is found from anywhere.
std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

std::string StoredValue(const OptionSpec& spec, const std::string& value) {
  if (spec.kind == ValueKind::kFile) return AbsolutePath(value);
  if (spec.kind == ValueKind::kHeader && value.substr(0, 1) == "@")
    return "@" + AbsolutePath(value.substr(1));
  return value;
}

class ContextCommand {
 public:
  explicit ContextCommand(const CommandContext& context)
      : context_(context),
        global_(context.line.global),
        options_(context.line.context),
        operands_(context.line.operands),
        location_(LocateConfig(global_, context.environment)) {}

  CommandResult Run() {
    if (auto error = CheckOperands()) return error;
    const std::string& action = operands_.front();
    if (action == "list") return List();
    if (action == "show") return Show();
    if (action == "set") return Set();
    if (action == "use") return Use();
    if (action == "delete") return Delete();
    if (action == "validate") return Validate();
    return Path();
  }

 private:
  CommandResult CheckOperands() const {
    const std::span<const OperandWord> words = FindCommand(Command::kContext)->words;
    std::vector<std::string_view> known;
    for (const OperandWord& word : words) known.push_back(word.name);
    const std::string list = fmt::format("{}", fmt::join(known, ", "));
    if (operands_.empty()) return UsageError(fmt::format("expected one of {}", list), std::string(kHelpHint));
    const std::string& action = operands_.front();
    const auto found = std::find(known.begin(), known.end(), action);
    if (found == known.end()) {
      return UsageError(fmt::format("unknown action '{}': expected one of {}", action, list),
                        DidYouMean(action, known, std::string(kHelpHint)));
    }
    const OperandWord& word = words[static_cast<std::size_t>(found - known.begin())];
    const int count = static_cast<int>(operands_.size()) - 1;
    if (count < word.least_operands) {
      return UsageError(fmt::format("context {} needs a {}", action, word.operands), std::string(kHelpHint));
    }
    if (count > word.most_operands) {
      return UsageError(fmt::format("unexpected argument '{}'",
                                    operands_[static_cast<std::size_t>(word.most_operands) + 1]),
                        std::string(kHelpHint));
    }
    return CheckOptions(action);
  }

  CommandResult CheckOptions(std::string_view action) const {
    const auto misplaced = [action](bool given, std::string_view option,
                                    std::string_view its) -> CommandResult {
      if (!given || action == its) return std::nullopt;
      return UsageError(fmt::format("--{} goes with 'context {}'", option, its), std::string(kHelpHint));
    };
    if (auto error = misplaced(options_.origin, "origin", "show")) return error;
    if (auto error = misplaced(!options_.unset.empty(), "unset", "set")) return error;
    if (auto error = misplaced(options_.force, "force", "delete")) return error;
    const bool writes = action == "set" || action == "use" || action == "delete";
    if (writes && FindSetting(context_.flag_settings, "context") != nullptr) {
      return UsageError(fmt::format("-c/--context does not go with 'context {}'", action),
                        fmt::format("name the context: 'dispatchctl context {} NAME'", action));
    }
    return std::nullopt;
  }

  // The file as it is; an empty one where there is none.
  std::optional<ErrorReport> Load(ConfigFile& config) {
    if (location_.path.empty()) return std::nullopt;
    absl::StatusOr<std::optional<ConfigText>> text = ReadConfigFile(location_.path);
    if (!text.ok()) return ConfigError(std::string(text.status().message()));
    if (!text->has_value()) {
      if (!location_.named) return std::nullopt;
      return ConfigError(fmt::format("there is no configuration file {}", location_.path),
                         "'dispatchctl context set NAME -s HOST:PORT' writes one");
    }
    if (!(*text)->warning.empty()) context_.console.Warn((*text)->warning);
    config = ParseConfig((*text)->text);
    if (config.syntax_error.has_value()) return ConfigProblemError(location_.path, *config.syntax_error);
    return std::nullopt;
  }

  RecordStream Records(std::vector<Column> columns) const {
    return {STDOUT_FILENO, MakeFormat(context_.output, std::move(columns), /*single=*/false,
                                      context_.terminal.output_color, global_.fields)};
  }

  static CommandResult Finish(RecordStream& records) {
    records.Finish();
    return OutputFailure(records);
  }

  bool IsTable() const { return context_.output == OutputFormat::kTable; }

  CommandResult List() {
    ConfigFile config;
    if (auto error = Load(config)) return error;
    std::string used = global_.context;
    if (used.empty() && config.current.has_value()) used = config.current->values.front();
    std::size_t width = 0;
    for (const ConfigContext& context : config.contexts) width = std::max(width, context.name.size());
    const std::vector<Column> columns{
        {.name = "current"}, {.name = "name", .least_width = width}, {.name = "server"}};
    if (auto error = CheckFields(global_.fields, columns)) return error;
    RecordStream records = Records(columns);
    for (const ConfigContext& context : config.contexts) {
      const ConfigEntry* const server = FindEntry(context, "server");
      records.Write([&](RecordFormat& format, std::string& out) {
        const bool current = context.name == used;
        if (IsTable()) {
          format.TextField(out, "current", current ? "*" : "");
        } else {
          format.BoolField(out, "current", current);
        }
        format.TextField(out, "name", context.name);
        if (server != nullptr && !server->values.empty()) {
          format.TextField(out, "server", server->values.front());
        } else {
          format.NullField(out, "server");
        }
      });
    }
    return Finish(records);
  }

  CommandResult Show() {
    GlobalOptions global = global_;
    if (operands_.size() > 1) global.context = operands_[1];
    const ContextChoice choice = ChooseContext(global, context_.environment, ReadConfigFile);
    if (!choice.warning.empty()) context_.console.Warn(choice.warning);
    if (choice.error.has_value()) return choice.error;

    Settings settings;
    if (operands_.size() > 1) {
      settings.push_back(
          {FindGlobalOption("context"), {choice.name}, SettingSource::kFlag, "context show NAME"});
    }
    Settings flags = context_.flag_settings;
    ImplyTls(flags);
    AddLowerLevel(settings, flags);
    AddLowerLevel(settings, context_.environment_settings);
    AddLowerLevel(settings, choice.settings);
    if (!choice.current.empty()) {
      settings.push_back(
          {FindGlobalOption("context"), {choice.name}, SettingSource::kContext, choice.current});
    }
    if (!location_.named && !location_.path.empty()) {
      settings.push_back({FindGlobalOption("config"), {location_.path}, SettingSource::kBuiltIn, {}});
    }
    return ShowSettings(settings);
  }

  CommandResult ShowSettings(const Settings& settings) {
    std::vector<Column> columns{{.name = "option", .least_width = 15},
                                {.name = "value", .least_width = options_.origin ? 24U : 0U}};
    if (options_.origin) {
      columns.push_back({.name = "origin", .least_width = 11});
      columns.push_back({.name = "where"});
    }
    if (auto error = CheckFields(global_.fields, columns)) return error;
    RecordStream records = Records(std::move(columns));
    for (const OptionSpec& spec : GlobalOptionTable()) {
      const Setting* const setting = FindSetting(settings, spec.name);
      std::vector<std::string> values;
      if (setting != nullptr) values = setting->values;
      if (setting == nullptr) values.emplace_back(spec.built_in);
      for (const std::string& value : values) {
        records.Write([&](RecordFormat& format, std::string& out) {
          format.TextField(out, "option", spec.name);
          WriteOptional(format, out, "value", ShownValue(spec, value));
          if (!options_.origin) return;
          const SettingSource source = setting == nullptr ? SettingSource::kBuiltIn : setting->source;
          format.TextField(out, "origin", SettingSourceName(source));
          WriteOptional(format, out, "where", setting == nullptr ? std::string() : setting->where);
        });
      }
    }
    return Finish(records);
  }

  void WriteOptional(RecordFormat& format, std::string& out, std::string_view name,
                     const std::string& value) const {
    if (!value.empty()) {
      format.TextField(out, name, value);
    } else if (IsTable()) {
      format.TextField(out, name, "-");
    } else {
      format.NullField(out, name);
    }
  }

  CommandResult Set() {
    const std::string& name = operands_[1];
    if (const std::string_view problem = ContextNameProblem(name); !problem.empty()) {
      return UsageError(fmt::format("the name of a context {}", problem));
    }
    if (auto error = NoPlaceError()) return error;
    std::vector<KeyChange> changes;
    if (auto error = CollectChanges(changes)) return error;
    // There is nothing to take out of a context that is not there.
    const auto takes_out = [](const KeyChange& change) { return !change.value.has_value(); };
    if (std::all_of(changes.begin(), changes.end(), takes_out)) {
      if (auto error = CheckExists(name)) return error;
    }
    bool created = false;
    bool none_used = false;
    const auto edit = [&](std::string_view text) -> absl::StatusOr<std::string> {
      created = FindContext(ParseConfig(text), name) == nullptr;
      absl::StatusOr<std::string> edited = WithContext(text, name, changes);
      if (!edited.ok()) return edited;
      const ConfigFile config = ParseConfig(*edited);
      none_used = !config.current.has_value();
      for (const ConfigProblem& problem : FindContext(config, name)->problems) {
        error_ = ContradictionError(name, problem);
        return absl::FailedPreconditionError(problem.message);
      }
      return edited;
    };
    if (auto error = Edit(name, edit)) return error;
    context_.console.Note(
        fmt::format("context {} {} in {}", name, created ? "added" : "changed", location_.path));
    if (none_used && global_.context.empty()) {
      context_.console.Note(fmt::format(
          "no context is in use: -c {} takes it once, 'dispatchctl context use {}' from now on", name, name));
    }
    return std::nullopt;
  }

  static ErrorReport ContradictionError(const std::string& name, const ConfigProblem& problem) {
    return ConfigError(
        fmt::format("context {} would not be right, and is left as it was: {}", name, problem.message),
        problem.hint.empty() ? "--unset OPTION takes out what stands against it" : problem.hint);
  }

  CommandResult CollectChanges(std::vector<KeyChange>& changes) {
    for (const std::string& name : options_.unset) {
      if (auto error = CheckUnset(name)) return error;
      changes.push_back({.key = name});
    }
    for (const Setting& setting : context_.flag_settings) {
      if (!setting.spec->in_context) continue;
      std::vector<std::string> values;
      for (const std::string& value : setting.values) values.push_back(StoredValue(*setting.spec, value));
      changes.push_back({.key = std::string(setting.spec->name), .value = TomlValue(*setting.spec, values)});
    }
    if (!changes.empty()) return std::nullopt;
    return UsageError("nothing to set",
                      "give the global options that the context is to have, such as -s HOST:PORT");
  }

  CommandResult CheckUnset(const std::string& name) {
    if (FindSetting(context_.flag_settings, name) != nullptr) {
      return UsageError(fmt::format("--{} and --unset {} contradict each other", name, name));
    }
    const OptionSpec* const spec = FindGlobalOption(name);
    if (spec != nullptr && spec->in_context) return std::nullopt;
    // What has no business in a context can be taken out, too.
    ConfigFile config;
    if (auto error = Load(config)) return error;
    const ConfigContext* const context = FindContext(config, operands_[1]);
    if (context != nullptr && FindEntry(*context, name) != nullptr) return std::nullopt;
    std::vector<std::string_view> known;
    for (const OptionSpec& option : GlobalOptionTable()) {
      if (option.in_context) known.push_back(option.name);
    }
    return UsageError(fmt::format("--unset: there is no global option '{}'", name),
                      DidYouMean(name, known, std::string(kHelpHint)));
  }

  CommandResult Use() {
    const std::string& name = operands_[1];
    if (auto error = CheckExists(name)) return error;
    const auto edit = [&](std::string_view text) { return WithCurrentContext(text, name); };
    if (auto error = Edit(name, edit)) return error;
    context_.console.Note(fmt::format("context {} is now used", name));
    const Setting* const variable = FindSetting(context_.environment_settings, "context");
    if (variable != nullptr && variable->values.back() != name) {
      context_.console.Warn(fmt::format("{} is set, and beats it", variable->where));
    }
    return std::nullopt;
  }

  CommandResult Delete() {
    const std::string& name = operands_[1];
    ConfigFile config;
    if (auto error = CheckExists(name, &config)) return error;
    const bool current = config.current.has_value() && config.current->values.front() == name;
    if (current && !options_.force) {
      return UsageError(fmt::format("context {} is the current one", name),
                        "'dispatchctl context use' another one first, or say --force");
    }
    const auto edit = [&](std::string_view text) { return WithoutContext(text, name); };
    if (auto error = Edit(name, edit)) return error;
    context_.console.Note(fmt::format("context {} deleted from {}", name, location_.path));
    return std::nullopt;
  }

  CommandResult NoPlaceError() const {
    if (!location_.path.empty()) return std::nullopt;
    return ConfigError("neither XDG_CONFIG_HOME nor HOME says where the configuration file would be",
                       "name one with --config");
  }

  CommandResult CheckExists(const std::string& name, ConfigFile* loaded = nullptr) {
    if (auto error = NoPlaceError()) return error;
    ConfigFile config;
    if (auto error = Load(config)) return error;
    if (FindContext(config, name) == nullptr) return UnknownContextError(config, location_.path, name);
    if (loaded != nullptr) *loaded = std::move(config);
    return std::nullopt;
  }

  CommandResult Edit(const std::string& name, const ConfigEdit& edit) {
    const absl::Status status = EditConfigFile(location_.path, edit);
    if (status.ok()) return std::nullopt;
    if (error_.has_value()) return error_;
    const std::string message(status.message());
    // Taken out by somebody else just now.
    if (absl::IsNotFound(status))
      return ConfigError(fmt::format("no context '{}' in {}", name, location_.path));
    const bool named = message.find(location_.path) != std::string::npos;
    return ConfigError(named ? message : fmt::format("{}: {}", location_.path, message));
  }

  struct Located {
    std::string context;
    ConfigProblem problem;
  };

  CommandResult Validate() {
    if (operands_.size() > 1) location_ = {.path = operands_[1], .named = true};
    if (auto error = NoPlaceError()) return error;
    absl::StatusOr<std::optional<ConfigText>> text = ReadConfigFile(location_.path);
    if (!text.ok()) return ConfigError(std::string(text.status().message()));
    if (!text->has_value())
      return ConfigError(fmt::format("there is no configuration file {}", location_.path));
    if (!(*text)->warning.empty()) context_.console.Warn((*text)->warning);
    const ConfigFile config = ParseConfig((*text)->text);
    const std::vector<Located> problems = AllProblems(config);

    std::vector<Column> columns{
        {.name = "line"}, {.name = "column"}, {.name = "context", .least_width = 12}, {.name = "message"}};
    if (!IsTable()) columns.push_back({.name = "hint"});
    if (auto error = CheckFields(global_.fields, columns)) return error;
    RecordStream records = Records(std::move(columns));
    for (const Located& located : problems) {
      const ConfigProblem& problem = located.problem;
      records.Write([&](RecordFormat& format, std::string& out) {
        format.NumberField(out, "line", problem.line);
        format.NumberField(out, "column", problem.column);
        WriteOptional(format, out, "context", located.context);
        if (IsTable()) {
          format.TextField(
              out, "message",
              problem.hint.empty() ? problem.message : fmt::format("{}; {}", problem.message, problem.hint));
        } else {
          format.TextField(out, "message", problem.message);
          WriteOptional(format, out, "hint", problem.hint);
        }
      });
    }
    if (auto error = Finish(records)) return error;
    if (!problems.empty()) {
      return ConfigError(fmt::format("{}: {}", location_.path, Plural(problems.size(), "problem")));
    }
    context_.console.Note(
        fmt::format("{}: {}, nothing wrong", location_.path, Plural(config.contexts.size(), "context")));
    return std::nullopt;
  }

  std::vector<Located> AllProblems(const ConfigFile& config) const {
    std::vector<Located> problems;
    if (config.syntax_error.has_value()) problems.push_back({{}, *config.syntax_error});
    for (const ConfigProblem& problem : config.problems) problems.push_back({{}, problem});
    for (const ConfigContext& context : config.contexts) {
      for (const ConfigProblem& problem : context.problems) problems.push_back({context.name, problem});
      AppendFileProblems(context, problems);
    }
    std::stable_sort(problems.begin(), problems.end(), [](const Located& a, const Located& b) {
      return std::pair(a.problem.line, a.problem.column) < std::pair(b.problem.line, b.problem.column);
    });
    return problems;
  }

  // Of what is not looked at before it is used.
  void AppendFileProblems(const ConfigContext& context, std::vector<Located>& problems) const {
    const auto add = [&](const ConfigEntry& entry, std::string message) {
      problems.push_back(
          {context.name,
           {.line = entry.key_range.line, .column = entry.key_range.column, .message = std::move(message)}});
    };
    for (const ConfigEntry& entry : context.entries) {
      if (entry.spec == nullptr) continue;
      // What is written to need not be there.
      if (entry.key == "trace") continue;
      for (const std::string& value : entry.values) {
        const bool header_file = entry.spec->kind == ValueKind::kHeader && value.substr(0, 1) == "@";
        if (entry.spec->kind != ValueKind::kFile && !header_file) continue;
        const std::string path =
            PathFromConfig(header_file ? value.substr(1) : value, location_.path, context_.environment);
        if (::access(path.c_str(), R_OK) == 0) continue;
        add(entry, fmt::format("{} {}: {}", entry.key, path, std::generic_category().message(errno)));
      }
    }
    const ConfigEntry* const certificate = FindEntry(context, "cert");
    const ConfigEntry* const key = FindEntry(context, "key");
    if ((certificate == nullptr) != (key == nullptr)) {
      add(certificate == nullptr ? *key : *certificate, "cert and key go together");
    }
  }

  CommandResult Path() const {
    if (auto error = NoPlaceError()) return error;
    std::string text = location_.path + "\n";
    // Only when asked for, so that $(dispatchctl context path) is the path.
    if (global_.output == OutputFormat::kJson || global_.output == OutputFormat::kNdjson) {
      const bool exists = ::access(location_.path.c_str(), F_OK) == 0;
      text = nlohmann::ordered_json{{"path", location_.path}, {"exists", exists}}.dump(
                 -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
             "\n";
    }
    const int error_number = WriteToStdout(text);
    if (error_number != 0) return OutputError("stdout", error_number);
    return std::nullopt;
  }

  const CommandContext& context_;
  const GlobalOptions& global_;
  const ContextOptions& options_;
  const std::vector<std::string>& operands_;
  ConfigLocation location_;
  std::optional<ErrorReport> error_;
};

}  // namespace

CommandResult RunContext(const CommandContext& context) {
  return ContextCommand(context).Run();
}

}  // namespace dispatchctl::cli
