#include <array>
#include <utility>

#include "help/help_texts.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kExitCodes = R"(Exit codes

  0        all that was asked was done
  1        internal error, or the output could not be written
  2        usage
  3        configuration, credential or certificate file
  4        input data invalid, or an input file could not be read
  5        never connected: resolving, refused, TLS, connect time-out
  6        finished; some records failed or were skipped
  7        finished; negative answer: --fail-on rejected, a threshold missed
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

constexpr std::string_view kConfig = R"(Configuration file

The file that --config or DISPATCHCTL_CONFIG names, else
$XDG_CONFIG_HOME/dispatchctl/config.toml, or the same below ~/.config without
that variable. It is TOML, and holds contexts:

  current-context = "staging"

  [contexts.staging]
  server = "dns:///staging.example:443"
  token-file = "staging.token"      # beside this file
  timeout = "5s"
  header = ["x-team: routing"]

  [contexts.local]
  server = "localhost:50051"

The keys are the global options without the dashes, but for context and config.
Options without a value are true or false, repeatable ones a string or an array
of strings, the rest strings; numbers may do without quotes.

The context is that of -c, else of DISPATCHCTL_CONTEXT, else current-context.
  option > environment > context > built-in
decides each value; what is said higher up replaces all of what is below, lists
of headers included. 'dispatchctl context show --origin' tells who decided what.

Files are relative to the directory of the configuration file; ~/ is the home
directory. As on the command line, cacert, cert, key and server-name mean TLS.

The file holds no secrets: tokens and headers such as authorization come from
files it names (token-file, header = "@FILE").

An unknown key, or a value that cannot be used, ends a command with 3 when it is
outside contexts or in the context that is used. 'dispatchctl context validate'
lists all of them. --config /dev/null goes without any file.
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

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kTopics{{{"exit-codes", kExitCodes},
                                                                                {"formats", kFormats},
                                                                                {"environment", ""},
                                                                                {"config", kConfig},
                                                                                {"streaming", kStreaming}}};

}  // namespace

std::string_view TopicText(std::string_view topic) {
  for (const auto& [name, text] : kTopics) {
    if (name == topic) return text;
  }
  return {};
}

std::vector<std::string_view> HelpTopics() {
  std::vector<std::string_view> names;
  for (const auto& [name, text] : kTopics) names.push_back(name);
  return names;
}

}  // namespace dispatchctl::cli
