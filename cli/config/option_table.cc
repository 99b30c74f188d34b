#include "config/option_table.h"

#include <fmt/format.h>

#include <array>

#include "config/command_options.h"

namespace dispatchctl::cli {
namespace {

std::span<const OptionSpec> NoOptions() {
  return {};
}

constexpr std::array kContextActions{
    OperandWord{.name = "list", .help = "list the contexts, and which one is used"},
    OperandWord{.name = "show",
                .operands = "[NAME]",
                .help = "show what each global option is with this context, or as things are",
                .most_operands = 1,
                .kind = ValueKind::kContextName},
    OperandWord{.name = "set",
                .operands = "NAME",
                .help = "write the global options of this command line into a context",
                .least_operands = 1,
                .most_operands = 1,
                .kind = ValueKind::kContextName},
    OperandWord{.name = "use",
                .operands = "NAME",
                .help = "make this the context that is used where none is named",
                .least_operands = 1,
                .most_operands = 1,
                .kind = ValueKind::kContextName},
    OperandWord{.name = "delete",
                .operands = "NAME",
                .help = "remove a context",
                .least_operands = 1,
                .most_operands = 1,
                .kind = ValueKind::kContextName},
    OperandWord{.name = "validate",
                .operands = "[FILE]",
                .help = "list everything that is wrong with the configuration file",
                .most_operands = 1,
                .kind = ValueKind::kFile},
    OperandWord{.name = "path", .help = "print where the configuration file is"},
};

constexpr std::array kBenchWorks{
    OperandWord{.name = "lookup",
                .operands = "[ID...]",
                .help = "look these couriers up, or made up ones, in turn",
                .most_operands = kAnyNumber},
    OperandWord{.name = "assign",
                .operands = "[ID...]",
                .help = "stream assignments for these couriers, or made up ones, in turn",
                .most_operands = kAnyNumber},
};

constexpr std::array kShells{
    OperandWord{.name = "bash", .help = "for bash 4.3 or newer"},
    OperandWord{.name = "zsh", .help = "for zsh"},
    OperandWord{.name = "fish", .help = "for fish"},
};

constexpr std::array kCommands{
    CommandSpec{.command = Command::kLookup,
                .name = "lookup",
                .operands = "ID... | -f FILE|-",
                .help = "show the status of couriers",
                .most_operands = kAnyNumber,
                .options = LookupOptionTable},
    CommandSpec{.command = Command::kAssign,
                .name = "assign",
                .operands = "-f FILE|-",
                .help = "stream assignments and print each decision",
                .options = AssignOptionTable},
    CommandSpec{.command = Command::kBench,
                .name = "bench",
                .operands = "lookup|assign [ID...]",
                .help = "measure a service: latencies and errors under a load",
                .most_operands = kAnyNumber,
                .words = kBenchWorks,
                .options = BenchOptionTable},
    CommandSpec{.command = Command::kEndpoints,
                .name = "endpoints",
                .help = "show the endpoints of a target, and whether they can be reached",
                .options = EndpointsOptionTable},
    CommandSpec{.command = Command::kHealth,
                .name = "health",
                .help = "ask each endpoint whether it is serving",
                .options = HealthOptionTable},
    CommandSpec{.command = Command::kDoctor,
                .name = "doctor",
                .help = "look for what keeps a service from being reached",
                .options = NoOptions},
    CommandSpec{.command = Command::kDescribe,
                .name = "describe",
                .operands = "[METHOD|MESSAGE]",
                .help = "print the contract, or a part of it",
                .most_operands = 1,
                .uses_context = false,
                .options = DescribeOptionTable},
    CommandSpec{.command = Command::kContext,
                .name = "context",
                .operands = "list|show|set|use|delete|validate|path",
                .help = "list, show and change the named targets of the configuration file",
                .most_operands = kAnyNumber,
                .words = kContextActions,
                .uses_context = false,
                .options = ContextOptionTable},
    CommandSpec{.command = Command::kCompletion,
                .name = "completion",
                .operands = "bash|zsh|fish",
                .help = "print what makes a shell complete command lines",
                .most_operands = 1,
                .words = kShells,
                .uses_context = false,
                .options = NoOptions},
    CommandSpec{.command = Command::kHelp,
                .name = "help",
                .operands = "[COMMAND|TOPIC]",
                .help = "explain a command or a topic",
                .most_operands = 1,
                .uses_context = false,
                .options = NoOptions},
    CommandSpec{.command = Command::kVersion,
                .name = "version",
                .help = "print the version and how it was built",
                .uses_context = false,
                .options = NoOptions},
};

}  // namespace

std::span<const OptionSpec> CommandOptionTable(Command command) {
  const CommandSpec* const spec = FindCommand(command);
  return spec == nullptr ? std::span<const OptionSpec>() : spec->options();
}

const CommandSpec* FindCommand(Command command) {
  for (const CommandSpec& spec : kCommands) {
    if (spec.command == command) return &spec;
  }
  return nullptr;
}

const OptionSpec* FindGlobalOption(std::string_view name) {
  for (const OptionSpec& spec : GlobalOptionTable()) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::span<const CommandSpec> CommandTable() {
  return kCommands;
}

std::string EnvironmentVariable(const OptionSpec& spec) {
  std::string name = "DISPATCHCTL_";
  for (const char c : spec.name) {
    name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return name;
}

std::string OptionLabel(const OptionSpec& spec) {
  return spec.letter == '\0' ? fmt::format("--{}", spec.name)
                             : fmt::format("-{}/--{}", spec.letter, spec.name);
}

}  // namespace dispatchctl::cli
