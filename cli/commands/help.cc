#include "commands/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <span>

#include "commands/command.h"
#include "config/option_table.h"
#include "config/suggestion.h"
#include "help/help_texts.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kTextColumn = 26;

// "  label     text", the text broken into lines of its own column.
void AppendEntry(std::string& out, std::string_view label, std::string_view text) {
  out += fmt::format("  {}", label);
  std::size_t column = label.size() + 2;
  if (column + 2 > kTextColumn) {
    out += '\n';
    column = 0;
  }
  out.append(kTextColumn - column, ' ');
  column = kTextColumn;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    const bool first = column == kTextColumn;
    if (!first && column + 1 + word.size() > kColumns) {
      out += '\n';
      out.append(kTextColumn, ' ');
      column = kTextColumn;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  }
  out += '\n';
}

void AppendOptions(std::string& out, std::string_view title, std::span<const OptionSpec> options) {
  if (options.empty()) return;
  out += fmt::format("{}:\n", title);
  for (const OptionSpec& spec : options) {
    const std::string letter = spec.letter == '\0' ? "    " : fmt::format("-{}, ", spec.letter);
    const std::string value = spec.value_name.empty() ? "" : fmt::format(" {}", spec.value_name);
    AppendEntry(out, fmt::format("{}--{}{}", letter, spec.name, value), spec.help);
  }
  out += '\n';
}

void AppendWords(std::string& out, Command command) {
  const CommandSpec* const spec = FindCommand(command);
  if (spec == nullptr || spec->words.empty()) return;
  out += "Arguments:\n";
  for (const OperandWord& word : spec->words) {
    const std::string_view gap = word.operands.empty() ? "" : " ";
    AppendEntry(out, fmt::format("{}{}{}", word.name, gap, word.operands), word.help);
  }
  out += '\n';
}

std::string EnvironmentHelp() {
  std::string out = R"(Environment

Each global option can be given in the environment; an option on the command
line wins, and both win over a context. Options without a value take true or
false. DISPATCHCTL_HEADER takes one header a line.

)";
  for (const OptionSpec& spec : GlobalOptionTable()) {
    AppendEntry(out, EnvironmentVariable(spec), fmt::format("as --{}", spec.name));
  }
  out += R"(
Colour: --color, then NO_COLOR, then CLICOLOR_FORCE and FORCE_COLOR, then
CLICOLOR=0, then whether it is a terminal and TERM is not "dumb".

TRACEPARENT and TRACESTATE name the trace that calls belong to. Spans and
metrics are exported by OTLP where OTEL_EXPORTER_OTLP_ENDPOINT, or that of
traces or metrics, is set, as OpenTelemetry's OTEL_* variables say.

gRPC itself reads GRPC_VERBOSITY and GRPC_TRACE (its messages are muted unless
-vv or GRPC_VERBOSITY is given), GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, and
https_proxy, http_proxy and no_proxy.
)";
  return out;
}

}  // namespace

std::string CommandHelp(Command command) {
  std::string out(Introduction(command));
  if (command == Command::kNone) {
    out += "Commands:\n";
    for (const CommandSpec& spec : CommandTable()) {
      AppendEntry(out, fmt::format("{} {}", spec.name, spec.operands), spec.help);
    }
    out += '\n';
  }
  AppendWords(out, command);
  AppendOptions(out, "Options", CommandOptionTable(command));
  AppendOptions(out, "Global options, before or after the command", GlobalOptionTable());
  out += "Other:\n";
  AppendEntry(out, "-h, --help", "print this");
  AppendEntry(out, "    --version", "print the version");
  out += "\nTopics, for dispatchctl help TOPIC:\n ";
  for (const std::string_view topic : HelpTopics()) out += fmt::format(" {}", topic);
  out +=
      "\nExit status: 0 done, 2 usage, 5 never connected, 64+N gRPC status N, more in\n"
      "'dispatchctl help exit-codes'. See also dispatchctl(1).\n";
  return out;
}

std::string TopicHelp(std::string_view topic) {
  if (topic == "environment") return EnvironmentHelp();
  return std::string(TopicText(topic));
}

std::string_view CommandName(Command command) {
  const CommandSpec* const spec = FindCommand(command);
  return spec == nullptr ? std::string_view() : spec->name;
}

CommandResult RunHelp(const CommandContext& context) {
  const CommandLine& line = context.line;
  std::string text;
  if (line.command == Command::kNone || line.global.help) {
    text = CommandHelp(line.command);
    // Nothing at all was asked for: that is help, too, but not what a script wanted.
    if (line.command == Command::kNone && !line.global.help) {
      WriteToStderr(text);
      return UsageError("no command given", "see 'dispatchctl --help'");
    }
  } else if (line.operands.empty()) {
    text = CommandHelp(Command::kNone);
  } else {
    const std::string& topic = line.operands.front();
    text = TopicHelp(topic);
    std::vector<std::string_view> known = HelpTopics();
    for (const CommandSpec& spec : CommandTable()) {
      known.push_back(spec.name);
      if (text.empty() && spec.name == topic) text = CommandHelp(spec.command);
    }
    if (text.empty()) {
      return UsageError(fmt::format("no help on '{}'", topic),
                        DidYouMean(topic, known, fmt::format("topics: {}", fmt::join(HelpTopics(), ", "))));
    }
  }
  const int error_number = WriteToStdout(text);
  if (error_number != 0) return OutputError("stdout", error_number);
  return std::nullopt;
}

}  // namespace dispatchctl::cli
