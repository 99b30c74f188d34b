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
#include "config/suggestion.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

struct Binding {
  const OptionSpec* spec;
  CLI::Option* option;
};

std::string Quoted(std::string_view text) {
  std::string out = "'";
  AppendPrintable(out, text);
  out += '\'';
  return out;
}

// CLI11 cuts the command line into options and operands; what they mean is decided by the option table.
class Parser {
 public:
  Parser(int argc, const char* const* argv, const Environment& environment, ParsedCommandLine& result)
      : arguments_(argv + std::min(argc, 1), argv + argc), environment_(environment), result_(result) {
    app_.set_help_flag();
    app_.require_subcommand(0, 1);
    Bind(app_, GlobalOptionTable());
    help_ = app_.add_flag("-h,--help");
    version_ = app_.add_flag("--version");
    for (const CommandSpec& spec : CommandTable()) {
      CLI::App* command = app_.add_subcommand(std::string(spec.name));
      command->set_help_flag();
      command->fallthrough();
      Bind(*command, CommandOptionTable(spec.command));
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
    ApplyEnvironment();
    ApplyFlags();
    result_.line.global.help = help_->count() > 0;
    result_.line.global.version = version_->count() > 0;
    // The argument that could not be understood comes before what the others mean.
    if (error.has_value()) result_.error = std::move(error);
    if (!result_.error.has_value()) CheckSecurity();
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

  void Bind(CLI::App& app, std::span<const OptionSpec> specs) {
    for (const OptionSpec& spec : specs) {
      if (!MayBeGiven(spec)) continue;
      const std::string names = spec.letter == '\0' ? fmt::format("--{}", spec.name)
                                                    : fmt::format("-{},--{}", spec.letter, spec.name);
      const bool flag = spec.arity == OptionArity::kFlag || spec.arity == OptionArity::kCount;
      CLI::Option* option = flag ? app.add_flag(names) : app.add_option(names)->expected(1);
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      bindings_.push_back({&spec, option});
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
    const std::string_view nearest = NearestMatch(name, known);
    return UsageError(fmt::format("unknown command {}", Quoted(name)),
                      nearest.empty() ? std::string("see 'dispatchctl --help'")
                                      : fmt::format("did you mean '{}'?", nearest));
  }

  // CLI11's message begins with the option's name and a colon.
  ErrorReport MissingValue(std::string_view what) const {
    const std::string_view name = what.substr(0, what.find(':'));
    return UsageError(fmt::format("option {} needs a value", name), HelpHint());
  }

  bool Given(std::string_view name) const {
    return std::any_of(bindings_.begin(), bindings_.end(), [name](const Binding& binding) {
      return binding.spec->name == name && binding.option->count() > 0;
    });
  }

  void Apply(const OptionSpec& spec, std::string_view value, std::string_view source) {
    const absl::Status status = spec.apply(result_.line, value);
    if (status.ok()) return;
    const std::string_view why(status.message().data(), status.message().size());
    Fail(UsageError(spec.secret ? fmt::format("invalid value for {}: {}", source, why)
                                : fmt::format("invalid value {} for {}: {}", Quoted(value), source, why)));
  }

  // A flag also beats what the environment says of its opposite.
  bool ExcludedByFlag(const OptionSpec& spec) const {
    if (!spec.excludes.empty() && Given(spec.excludes)) return true;
    return std::any_of(bindings_.begin(), bindings_.end(), [&spec](const Binding& binding) {
      return binding.option->count() > 0 && binding.spec->excludes == spec.name;
    });
  }

  void ApplyEnvironment() {
    for (const OptionSpec& spec : GlobalOptionTable()) {
      if (Given(spec.name) || ExcludedByFlag(spec)) continue;
      const std::string variable = EnvironmentVariable(spec);
      const std::optional<std::string_view> value = environment_(variable);
      if (!value.has_value() || value->empty()) continue;
      if (spec.arity != OptionArity::kRepeated) {
        Apply(spec, *value, variable);
        continue;
      }
      for (std::string_view rest = *value; !rest.empty();) {
        const std::size_t newline = rest.find('\n');
        if (newline != 0) Apply(spec, rest.substr(0, newline), variable);
        rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
      }
    }
  }

  void ApplyFlags() {
    for (const auto& [spec, option] : bindings_) {
      if (option->count() == 0 || spec->arity == OptionArity::kRepeated) continue;
      const std::string label = OptionLabel(*spec);
      if (spec->arity == OptionArity::kCount) {
        Apply(*spec, std::to_string(std::min<std::size_t>(option->count(), 9)), label);
      } else {
        Apply(*spec, option->results().back(), label);
      }
    }
    ApplyRepeatedInOrder();
  }

  // Operands and repeated options keep the order of the command line, also among each other.
  void ApplyRepeatedInOrder() {
    std::map<const CLI::Option*, std::size_t> taken;
    std::vector<const CLI::App*> apps{&app_};
    for (const CLI::App* command : app_.get_subcommands()) apps.push_back(command);
    for (const CLI::App* app : apps) {
      for (const CLI::Option* option : app->parse_order()) {
        const auto binding = std::find_if(bindings_.begin(), bindings_.end(),
                                          [option](const Binding& b) { return b.option == option; });
        const bool repeated = binding != bindings_.end() && binding->spec->arity == OptionArity::kRepeated;
        const auto operands = operands_.find(app);
        if (!repeated && (operands == operands_.end() || option != operands->second)) continue;
        const std::string& value = option->results().at(taken[option]++);
        if (repeated) {
          Apply(*binding->spec, value, OptionLabel(*binding->spec));
        } else if (result_.line.command == Command::kLookup) {
          result_.line.lookup.sources.push_back({.text = value, .is_file = false});
        } else {
          result_.line.operands.push_back(value);
        }
      }
    }
  }

  void CheckSecurity() {
    for (const auto& [spec, option] : bindings_) {
      if (option->count() == 0 || spec->excludes.empty()) continue;
      if (Given(spec->excludes)) {
        Fail(UsageError(fmt::format("--{} and --{} exclude each other", spec->name, spec->excludes)));
      }
      // What says how to do TLS says that it is wanted.
      if (spec->excludes == "plaintext" && spec->arity == OptionArity::kValue) result_.line.global.tls = true;
    }
    if (result_.line.global.plaintext && result_.line.global.tls) {
      Fail(UsageError("DISPATCHCTL_PLAINTEXT and DISPATCHCTL_TLS exclude each other"));
    }
  }

  const std::vector<std::string_view> arguments_;
  const Environment& environment_;
  ParsedCommandLine& result_;
  CLI::App app_;
  std::vector<Binding> bindings_;
  std::map<const CLI::App*, const CommandSpec*> commands_;
  std::map<const CLI::App*, const CLI::Option*> operands_;
  CLI::Option* help_ = nullptr;
  CLI::Option* version_ = nullptr;
};

}  // namespace

ParsedCommandLine ParseCommandLine(int argc, const char* const* argv, const Environment& environment) {
  ParsedCommandLine result;
  Parser(argc, argv, environment, result).Run();
  return result;
}

}  // namespace dispatchctl::cli
