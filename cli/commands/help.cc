#include "commands/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <span>
#include <utility>

#include "commands/command.h"
#include "config/option_table.h"
#include "config/suggestion.h"

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kTextColumn = 26;

constexpr std::string_view kProgramIntroduction =
    R"(Talk to a Dispatch service: look couriers up, stream assignments.

Usage: dispatchctl [global options] COMMAND ...

Examples:
  dispatchctl lookup -s localhost:50051 courier-42
  dispatchctl lookup -s dispatch.example:443 -f ids.txt --parallel 128
  producer | dispatchctl assign -s localhost:50051 -f - > decisions.ndjson

)";

constexpr std::string_view kLookupIntroduction =
    R"(Show the status of couriers.

Usage: dispatchctl lookup [options] ID... | -f FILE|-

Examples:
  dispatchctl lookup -s localhost:50051 courier-42
  dispatchctl lookup -s localhost:50051 -o json courier-1 courier-2
  dispatchctl lookup -s localhost:50051 -f ids.txt --unordered

Many ids share the connection. Results come in the order of the ids. An id that
cannot be looked up gets a record with "error" in its place.

)";

constexpr std::string_view kAssignIntroduction =
    R"(Stream assignments and print each decision.

Usage: dispatchctl assign [options] -f FILE|-

Examples:
  dispatchctl assign -s localhost:50051 -f orders.ndjson
  producer | dispatchctl assign -s localhost:50051 -f - --bad-record report
  dispatchctl assign -f orders.csv --out results.ndjson --continue
  dispatchctl assign -f orders.ndjson --dry-run

Each line is one assignment, of NDJSON or of CSV with a header:
  {"assignment_id":"a-1","courier_id":"courier-42","destination_zone":"zone-7"}
Each is sent as soon as it is read, and its decision printed as soon as it
comes. Decisions come in the order the server gives them, or with --ordered in
that of the input.

)";

constexpr std::string_view kDoctorIntroduction =
    R"(Look for what keeps a service from being reached.

Usage: dispatchctl doctor [options]

Examples:
  dispatchctl doctor -s dns:///dispatch.example:443
  dispatchctl doctor -s dispatch.example:443 --cacert ca.pem -o json

Goes the way a call goes, and prints a line for each step, timed: resolving the
name; for each endpoint connecting and, with TLS, the handshake, with who the
certificate is for and when it expires; a real call. Where a step fails, it says
why and what to try. Exits 0 when all is well, 6 when the service answers in
spite of some trouble, else as the call does.

)";

constexpr std::string_view kEndpointsIntroduction =
    R"(Show the endpoints of a target, and whether they can be reached.

Usage: dispatchctl endpoints [--watch] [--interval DUR] [options]

Examples:
  dispatchctl endpoints -s dns:///dispatch.example:443
  dispatchctl endpoints -s host-1:50051,host-2:50051 -o json
  dispatchctl endpoints -s dns:///dispatch.example:443 --watch --interval 1s

Resolves the target and connects to all it names, for at most --connect-timeout.
Exits 0 when one of them can be reached, else 5.

)";

constexpr std::string_view kHelpIntroduction =
    R"(Explain a command or a topic.

Usage: dispatchctl help [COMMAND|TOPIC]

)";

constexpr std::string_view kVersionIntroduction =
    R"(Print the version and how the program was built.

Usage: dispatchctl version [-o json]

)";

constexpr std::string_view kExitCodes = R"(Exit codes

  0        all that was asked was done
  1        internal error, or the output could not be written
  2        usage
  3        configuration, credential or certificate file
  4        input data invalid, or an input file could not be read
  5        never connected: resolving, refused, TLS, connect time-out
  6        finished; some records failed or were skipped
  7        finished; negative answer: --fail-on rejected
  8        the stream ended with assignments unacknowledged or unread
  64+N     gRPC status N:
             65 CANCELLED            73 FAILED_PRECONDITION
             66 UNKNOWN              74 ABORTED
             67 INVALID_ARGUMENT     75 OUT_OF_RANGE
             68 DEADLINE_EXCEEDED    76 UNIMPLEMENTED
             69 NOT_FOUND            77 INTERNAL
             70 ALREADY_EXISTS       78 UNAVAILABLE
             71 PERMISSION_DENIED    79 DATA_LOSS
             72 RESOURCE_EXHAUSTED   80 UNAUTHENTICATED
  130      SIGINT, re-raised
  143      SIGTERM, re-raised (129 SIGHUP)
  141      SIGPIPE, re-raised: the reader of stdout went away

When several apply: a signal, then 1, then 64+N or 5, then 8, 4, 6, 7. One id
that fails: 64+N or 5. Several ids of which some fail: 6.
)";

constexpr std::string_view kFormats = R"(Formats

Output (-o, --output)
  auto     table on a terminal, ndjson elsewhere
  table    aligned columns, for people; may change between versions
  ndjson   one JSON object a line, written as soon as it is known
  json     one object for one id, else one array; [] when there is nothing
  csv      a header row, then rows as in RFC 4180; the last column is "error"

Every field is always there, also when it is false or empty. A last known status
(--stale-if-error) has "stale":true and "age_ms" besides. A record that failed
stands in the same stream, and has "error":
  {"courier_id":"c-9","error":{"kind":"rpc","code":"NOT_FOUND",...}}
  {"line":12,"error":{"kind":"input",...}}

The error that ends the command is the last line of stderr. It is one JSON
object when the output is json or ndjson, else text; --error-format decides
otherwise:
  {"error":{"kind":...,"code":...,"message":...,...},"exit_code":69,"v":1}
kind: usage, config, input, connect, rpc, stream, partial, negative, output,
interrupted or internal.

Input of assign
  NDJSON: a JSON object a line, with assignment_id, courier_id and
  destination_zone (which may be empty or left out). Names may be in
  lowerCamelCase. Unknown and repeated fields are errors. Blank lines, CR LF, a
  byte order mark at the start and a last line without newline are accepted.
  CSV, as in RFC 4180: the first line names the columns, as the fields above or
  as --csv-map says. Any other column is an error; --csv-map 'note=-' ignores
  the column note, and '*=-' all others.
  Without --in, files named *.csv and inputs whose first line names a field are
  CSV; everything else is NDJSON.

Input of lookup
  An id a line, or a JSON object a line with courier_id.

Durations carry a unit: 250ms, 5s, 1m, 1m30s. Sizes: 4096, 64KiB, 1MiB.
)";

constexpr std::string_view kStreaming = R"(Streaming

assign opens one stream. A line is sent as soon as it is read, and a decision is
printed as soon as it comes: only what is already waiting is put together. At
most --window assignments are under way; reading pauses until there is room.

The end of the input ends the sending; the command then waits for the remaining
decisions and the server's status. It also ends, without waiting for input, when
the server ends the stream, when the reader of stdout goes away, and on signals.

The first SIGINT, SIGTERM or SIGHUP stops reading and waits for decisions, at
most --drain-timeout; then what is unacknowledged is reported. The second one
ends the command at once. Both end it by that signal.

An assignment without a decision is unacknowledged: it may or may not have been
made. The server decides an assignment_id only once, so it is safe to send it
again: --unacknowledged FILE writes such assignments as lines for assign -f.

A run that may be killed writes to a file: --out FILE --continue. Run the same
command again, and it cuts off a torn last line, sends what the file does not
answer yet, and appends the results: one line for each line of the input, also
where ids are repeated. With --ordered the file keeps the input's order, and
nothing is kept in memory for it; else it takes 16 bytes a line.
)";

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTopics{
    {{"exit-codes", kExitCodes}, {"formats", kFormats}, {"environment", ""}, {"streaming", kStreaming}}};

std::string_view Introduction(Command command) {
  switch (command) {
    case Command::kLookup:
      return kLookupIntroduction;
    case Command::kAssign:
      return kAssignIntroduction;
    case Command::kEndpoints:
      return kEndpointsIntroduction;
    case Command::kDoctor:
      return kDoctorIntroduction;
    case Command::kHelp:
      return kHelpIntroduction;
    case Command::kVersion:
      return kVersionIntroduction;
    case Command::kNone:
      break;
  }
  return kProgramIntroduction;
}

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

std::string EnvironmentHelp() {
  std::string out = R"(Environment

Each global option can be given in the environment; an option on the command
line wins. Options without a value take true or false. DISPATCHCTL_HEADER takes
one header a line.

)";
  for (const OptionSpec& spec : GlobalOptionTable()) {
    AppendEntry(out, EnvironmentVariable(spec), fmt::format("as --{}", spec.name));
  }
  out += R"(
Colour: --color, then NO_COLOR, then CLICOLOR_FORCE and FORCE_COLOR, then
CLICOLOR=0, then whether it is a terminal and TERM is not "dumb".

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
  AppendOptions(out, "Options", CommandOptionTable(command));
  AppendOptions(out, "Global options, before or after the command", GlobalOptionTable());
  out += "Other:\n";
  AppendEntry(out, "-h, --help", "print this");
  AppendEntry(out, "    --version", "print the version");
  out += "\nTopics, for dispatchctl help TOPIC:";
  for (const std::string_view topic : HelpTopics()) out += fmt::format(" {}", topic);
  out +=
      "\nExit status: 0 done, 2 usage, 5 never connected, 64+N gRPC status N, more in\n"
      "'dispatchctl help exit-codes'. See also dispatchctl(1).\n";
  return out;
}

std::string TopicHelp(std::string_view topic) {
  if (topic == "environment") return EnvironmentHelp();
  for (const auto& [name, text] : kTopics) {
    if (name == topic) return std::string(text);
  }
  return {};
}

std::vector<std::string_view> HelpTopics() {
  std::vector<std::string_view> names;
  for (const auto& [name, text] : kTopics) names.push_back(name);
  return names;
}

std::string_view CommandName(Command command) {
  for (const CommandSpec& spec : CommandTable()) {
    if (spec.command == command) return spec.name;
  }
  return {};
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
  } else if (line.help_topic.empty()) {
    text = CommandHelp(Command::kNone);
  } else {
    text = TopicHelp(line.help_topic);
    std::vector<std::string_view> known = HelpTopics();
    for (const CommandSpec& spec : CommandTable()) {
      known.push_back(spec.name);
      if (text.empty() && spec.name == line.help_topic) text = CommandHelp(spec.command);
    }
    if (text.empty()) {
      const std::string_view nearest = NearestMatch(line.help_topic, known);
      return UsageError(fmt::format("no help on '{}'", line.help_topic),
                        nearest.empty() ? fmt::format("topics: {}", fmt::join(HelpTopics(), ", "))
                                        : fmt::format("did you mean '{}'?", nearest));
    }
  }
  const int error_number = WriteToStdout(text);
  if (error_number != 0) return OutputError("stdout", error_number);
  return std::nullopt;
}

}  // namespace dispatchctl::cli
