#include "config/option_table.h"

#include <fmt/format.h>

#include <array>

#include "config/command_options.h"

namespace dispatchctl::cli {
namespace {

std::span<const OptionSpec> NoOptions() {
  return {};
}

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
                .options = DescribeOptionTable},
    CommandSpec{.command = Command::kHelp,
                .name = "help",
                .operands = "[COMMAND|TOPIC]",
                .help = "explain a command or a topic",
                .most_operands = 1,
                .options = NoOptions},
    CommandSpec{.command = Command::kVersion,
                .name = "version",
                .help = "print the version and how it was built",
                .options = NoOptions},
};

}  // namespace

std::span<const OptionSpec> CommandOptionTable(Command command) {
  for (const CommandSpec& spec : kCommands) {
    if (spec.command == command) return spec.options();
  }
  return {};
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
