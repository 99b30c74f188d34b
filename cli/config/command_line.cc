#include "config/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"
#include "config/setting.h"
#include "config/suggestion.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

struct Binding {
  const OptionSpec* spec;
  CLI::Option* option;
  bool global;
};

std::optional<ErrorReport> ApplyValue(CommandLine& line, const OptionSpec& spec, std::string_view value,
                                      std::string_view where) {
  const absl::Status status = spec.apply(line, value);
  if (status.ok()) return std::nullopt;
  const std::string_view why(status.message().data(), status.message().size());
  return UsageError(spec.secret ? fmt::format("invalid value for {}: {}", where, why)
                                : fmt::format("invalid value {} for {}: {}", Quoted(value), where, why));
}

// CLI11 cuts the command line into options and operands; what they mean is decided by the option table.
class Parser {
 public:
  Parser(int argc, const char* const* argv, ParsedCommandLine& result)
      : arguments_(argv + std::min(argc, 1), argv + argc), result_(result) {
    app_.set_help_flag();
    app_.require_subcommand(0, 1);
    Bind(app_, GlobalOptionTable(), /*global=*/true);
    help_ = app_.add_flag("-h,--help");
    version_ = app_.add_flag("--version");
    for (const CommandSpec& spec : CommandTable()) {
      CLI::App* command = app_.add_subcommand(std::string(spec.name));
      command->set_help_flag();
      command->fallthrough();
      Bind(*command, CommandOptionTable(spec.command), /*global=*/false);
      commands_[command] = &spec;
      if (spec.most_operands > 0) operands_[command] = AddOperands(*command, spec.most_operands);
    }
  }

  void Run() {
    if (RejectEmptyAssignment()) return;
    std::optional<ErrorReport> error;
    try {
      // CLI11 takes them from the back.
      app_.parse(std::vector<std::string>(arguments_.rbegin(), arguments_.rend()));
    } catch (const CLI::ExtrasError&) {
      error = UnexpectedArgument();
    } catch (const CLI::ArgumentMismatch& mismatch) {
      error = MissingValue(mismatch.what());
    } catch (const CLI::ParseError& other) {
      error = UsageError(other.what());
    }
    NoteCommand();
    CollectFlags();
    ApplyCommandOptions();
    result_.line.global.help = help_->count() > 0;
    result_.line.global.version = version_->count() > 0;
    // The argument that could not be understood comes before what the others mean.
    if (error.has_value()) result_.error = std::move(error);
  }

 private:
  static CLI::Option* AddOperands(CLI::App& app, int most) {
    CLI::Option* operands = app.add_option("operands");
    // CLI11 fills an operand up to its least count, and checks that count under other policies only.
    operands->expected(most)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    // Otherwise an operand such as "[a,b]" is taken apart.
    operands->allow_extra_args(false);
    return operands;
  }

  void Bind(CLI::App& app, std::span<const OptionSpec> specs, bool global) {
    for (const OptionSpec& spec : specs) {
      if (!MayBeGiven(spec)) continue;
      const std::string names = spec.letter == '\0' ? fmt::format("--{}", spec.name)
                                                    : fmt::format("-{},--{}", spec.letter, spec.name);
      const bool flag = spec.arity == OptionArity::kFlag || spec.arity == OptionArity::kCount;
      CLI::Option* option = flag ? app.add_flag(names) : app.add_option(names)->expected(1);
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      bindings_.push_back({&spec, option, global});
    }
  }

  // Telling CLI11 of an option costs more than parsing it: only those are told that an argument may mean.
  bool MayBeGiven(const OptionSpec& spec) const {
    return std::any_of(arguments_.begin(), arguments_.end(), [&spec](std::string_view argument) {
      if (argument.substr(0, 2) == "--") return argument.substr(2, spec.name.size()) == spec.name;
      return spec.letter != '\0' && argument.substr(0, 1) == "-" &&
             argument.find(spec.letter) != std::string_view::npos;
    });
  }

  void Fail(ErrorReport error) {
    if (!result_.error.has_value()) result_.error = std::move(error);
  }

  // CLI11 would take the next argument as the value of "--server=".
  bool RejectEmptyAssignment() {
    for (const std::string_view argument : arguments_) {
      if (argument == "--") break;
      if (argument.size() < 4 || argument.substr(0, 2) != "--") continue;
      if (argument.find('=') != argument.size() - 1) continue;
      Fail(UsageError(fmt::format("option {} needs a value", argument.substr(0, argument.size() - 1))));
      return true;
    }
    return false;
  }

  void NoteCommand() {
    for (const CLI::App* command : app_.get_subcommands()) {
      result_.line.command = commands_.at(command)->command;
    }
  }

  std::string HelpHint() const {
    for (const CLI::App* command : app_.get_subcommands()) {
      return fmt::format("see 'dispatchctl {} --help'", command->get_name());
    }
    return "see 'dispatchctl --help'";
  }

  ErrorReport UnexpectedArgument() const {
    const std::vector<std::string> extras = app_.remaining(true);
    const auto is_option = [](const std::string& text) { return text.size() > 1 && text[0] == '-'; };
    auto culprit = std::find_if(extras.begin(), extras.end(), is_option);
    if (culprit == extras.end()) culprit = extras.begin();
    if (culprit == extras.end()) return UsageError("unexpected argument", HelpHint());
    if (is_option(*culprit)) return UnknownOption(*culprit);
    if (app_.get_subcommands().empty()) return UnknownCommand(*culprit);
    const bool wants_file = app_.got_subcommand("assign");
    return UsageError(fmt::format("unexpected argument {}", Quoted(*culprit)),
                      wants_file ? fmt::format("read from a file with -f {}", Quoted(*culprit)) : HelpHint());
  }

  ErrorReport UnknownOption(const std::string& text) const {
    const std::string name = text.substr(0, text.find('='));
    std::vector<std::string_view> known{"help", "version"};
    for (const OptionSpec& spec : GlobalOptionTable()) known.push_back(spec.name);
    for (const CLI::App* command : app_.get_subcommands()) {
      for (const OptionSpec& spec : CommandOptionTable(commands_.at(command)->command)) {
        known.push_back(spec.name);
      }
    }
    const bool is_long = name.substr(0, 2) == "--";
    const std::string_view nearest = is_long ? NearestMatch(std::string_view(name).substr(2), known) : "";
    return UsageError(fmt::format("unknown option {}", Quoted(is_long ? name : name.substr(0, 2))),
                      nearest.empty() ? HelpHint() : fmt::format("did you mean '--{}'?", nearest));
  }

  static ErrorReport UnknownCommand(const std::string& name) {
    std::vector<std::string_view> known;
    for (const CommandSpec& spec : CommandTable()) known.push_back(spec.name);
    return UsageError(fmt::format("unknown command {}", Quoted(name)),
                      DidYouMean(name, known, "see 'dispatchctl --help'"));
  }

  // CLI11's message begins with the option's name and a colon.
  ErrorReport MissingValue(std::string_view what) const {
    const std::string_view name = what.substr(0, what.find(':'));
    return UsageError(fmt::format("option {} needs a value", name), HelpHint());
  }

  static std::vector<std::string> ValuesOf(const Binding& binding) {
    const auto& [spec, option, global] = binding;
    switch (spec->arity) {
      case OptionArity::kCount:
        return {std::to_string(std::min<std::size_t>(option->count(), 9))};
      case OptionArity::kRepeated:
        return option->results();
      case OptionArity::kFlag:
      case OptionArity::kValue:
        break;
    }
    return {option->results().back()};
  }

  void CollectFlags() {
    for (const Binding& binding : bindings_) {
      if (!binding.global || binding.option->count() == 0) continue;
      result_.flags.push_back(
          {binding.spec, ValuesOf(binding), SettingSource::kFlag, OptionLabel(*binding.spec)});
    }
  }

  void Apply(const OptionSpec& spec, std::string_view value) {
    if (auto error = ApplyValue(result_.line, spec, value, OptionLabel(spec))) Fail(*std::move(error));
  }

  void ApplyCommandOptions() {
    for (const Binding& binding : bindings_) {
      if (binding.global || binding.option->count() == 0) continue;
      if (binding.spec->arity == OptionArity::kRepeated) continue;
      Apply(*binding.spec, ValuesOf(binding).back());
    }
    ApplyRepeatedInOrder();
  }

  // Operands and repeated options keep the order of the command line, also among each other.
  void ApplyRepeatedInOrder() {
    std::map<const CLI::Option*, std::size_t> taken;
    for (const CLI::App* app : app_.get_subcommands()) {
      for (const CLI::Option* option : app->parse_order()) {
        const auto binding = std::find_if(bindings_.begin(), bindings_.end(),
                                          [option](const Binding& b) { return b.option == option; });
        const bool repeated = binding != bindings_.end() && binding->spec->arity == OptionArity::kRepeated;
        const auto operands = operands_.find(app);
        if (!repeated && (operands == operands_.end() || option != operands->second)) continue;
        const std::string& value = option->results().at(taken[option]++);
        if (repeated) {
          Apply(*binding->spec, value);
        } else if (result_.line.command == Command::kLookup) {
          result_.line.lookup.sources.push_back({.text = value, .is_file = false});
        } else {
          result_.line.operands.push_back(value);
        }
      }
    }
  }

  const std::vector<std::string_view> arguments_;
  ParsedCommandLine& result_;
  CLI::App app_;
  std::vector<Binding> bindings_;
  std::map<const CLI::App*, const CommandSpec*> commands_;
  std::map<const CLI::App*, const CLI::Option*> operands_;
  CLI::Option* help_ = nullptr;
  CLI::Option* version_ = nullptr;
};

// Applies those from `first` on; the error of the first that cannot be.
std::optional<ErrorReport> ApplySettings(const Settings& settings, std::size_t first, CommandLine& line) {
  std::optional<ErrorReport> first_error;
  for (std::size_t index = first; index < settings.size(); ++index) {
    const Setting& setting = settings[index];
    for (const std::string& value : setting.values) {
      std::optional<ErrorReport> error = ApplyValue(line, *setting.spec, value, setting.where);
      if (error.has_value() && !first_error.has_value()) first_error = std::move(error);
    }
  }
  return first_error;
}

std::optional<ErrorReport> ExclusionError(const Settings& flags, const Settings& merged) {
  // What an option implies is not what was said.
  if (const auto [one, other] = FindExclusion(flags, /*switches_only=*/false); !one.empty()) {
    return UsageError(fmt::format("--{} and --{} exclude each other", one, other));
  }
  if (const auto [one, other] = FindExclusion(merged, /*switches_only=*/true); !one.empty()) {
    return UsageError(fmt::format("{} and {} exclude each other", FindSetting(merged, one)->where,
                                  FindSetting(merged, other)->where));
  }
  return std::nullopt;
}

bool UsesContext(const CommandLine& line) {
  const CommandSpec* const command = FindCommand(line.command);
  return command != nullptr && command->uses_context && !line.global.help && !line.global.version;
}

}  // namespace

ParsedCommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment,
                                   const ConfigReader& read_config) {
  ParsedCommandLine result;
  Parser(argc, argv, result).Run();
  result.environment = EnvironmentSettings(environment);

  Settings settings = result.flags;
  ImplyTls(settings);
  AddLowerLevel(settings, result.environment);
  std::optional<ErrorReport> error = ApplySettings(settings, 0, result.line);
  if (!error.has_value()) error = ExclusionError(result.flags, settings);
  if (!result.error.has_value()) result.error = std::move(error);
  if (result.error.has_value() || !UsesContext(result.line)) return result;

  ContextChoice context = ChooseContext(result.line.global, environment, read_config);
  if (!context.warning.empty()) result.warnings.push_back(std::move(context.warning));
  if (context.error.has_value()) {
    result.error = std::move(context.error);
    return result;
  }
  const std::size_t higher = settings.size();
  AddLowerLevel(settings, context.settings);
  result.error = ApplySettings(settings, higher, result.line);
  return result;
}

}  // namespace dispatchctl::cli
