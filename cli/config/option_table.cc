#include "config/option_table.h"

#include <absl/status/statusor.h>
#include <dispatchctl/assignment.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <system_error>
#include <utility>

#include "config/byte_size.h"
#include "config/duration.h"

namespace dispatchctl::cli {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

template <class Value>
absl::Status ApplyChoice(std::string_view text,
                         std::initializer_list<std::pair<std::string_view, Value>> choices, Value& out) {
  std::string expected;
  std::size_t index = 0;
  for (const auto& [name, value] : choices) {
    if (name == text) {
      out = value;
      return absl::OkStatus();
    }
    if (index != 0) expected += index + 1 == choices.size() ? " or " : ", ";
    expected += name;
    ++index;
  }
  return absl::InvalidArgumentError(fmt::format("expected {}", expected));
}

absl::Status ApplyBool(std::string_view text, bool& out) {
  return ApplyChoice<bool>(text,
                           {{"true", true},
                            {"false", false},
                            {"1", true},
                            {"0", false},
                            {"yes", true},
                            {"no", false},
                            {"on", true},
                            {"off", false}},
                           out);
}

absl::Status ApplyDuration(std::string_view text, nanoseconds least, nanoseconds& out) {
  absl::StatusOr<nanoseconds> duration = ParseDuration(text);
  if (!duration.ok()) return std::move(duration).status();
  if (*duration < least) {
    return absl::InvalidArgumentError(
        least <= 1ns ? std::string("must be more than zero")
                     : fmt::format("must be at least {}ms",
                                   std::chrono::duration_cast<std::chrono::milliseconds>(least).count()));
  }
  out = *duration;
  return absl::OkStatus();
}

absl::Status ApplyOptionalDuration(std::string_view text, nanoseconds least,
                                   std::optional<nanoseconds>& out) {
  nanoseconds value{0};
  absl::Status status = ApplyDuration(text, least, value);
  if (status.ok()) out = value;
  return status;
}

absl::Status ApplySize(std::string_view text, std::size_t least, std::size_t most, std::size_t& out) {
  absl::StatusOr<std::size_t> size = ParseByteSize(text);
  if (!size.ok()) return std::move(size).status();
  if (*size < least || *size > most) {
    return absl::InvalidArgumentError(fmt::format("must be between {} and {} bytes", least, most));
  }
  out = *size;
  return absl::OkStatus();
}

absl::Status ApplyNumber(std::string_view text, std::size_t least, std::size_t most, std::size_t& out) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number < least || number > most) {
    return absl::InvalidArgumentError(fmt::format("expected a number from {} to {}", least, most));
  }
  out = number;
  return absl::OkStatus();
}

absl::Status ApplyOptionalBool(std::string_view text, std::optional<bool>& out) {
  bool value = false;
  absl::Status status = ApplyBool(text, value);
  if (status.ok()) out = value;
  return status;
}

absl::Status ApplyHedge(std::string_view text, std::optional<HedgingPolicy>& out) {
  HedgingPolicy policy;
  if (text == "auto") {
    policy.mode = HedgingMode::kAutomatic;
  } else if (text != "off") {
    policy.mode = HedgingMode::kFixed;
    if (absl::Status status = ApplyDuration(text, 0ns, policy.delay); !status.ok()) {
      const std::string why(status.message());
      return absl::InvalidArgumentError(fmt::format("expected off, auto or a duration: {}", why));
    }
  }
  out = policy;
  return absl::OkStatus();
}

absl::Status ApplyLoadBalancing(std::string_view text, std::optional<LoadBalancing>& out) {
  LoadBalancing policy{};
  absl::Status status = ApplyChoice<LoadBalancing>(
      text,
      {{LoadBalancingName(LoadBalancing::kRoundRobin), LoadBalancing::kRoundRobin},
       {LoadBalancingName(LoadBalancing::kPickFirst), LoadBalancing::kPickFirst},
       {LoadBalancingName(LoadBalancing::kLeastRequest), LoadBalancing::kLeastRequest},
       {LoadBalancingName(LoadBalancing::kWeightedRoundRobin), LoadBalancing::kWeightedRoundRobin},
       {LoadBalancingName(LoadBalancing::kRingHash), LoadBalancing::kRingHash}},
      policy);
  if (status.ok()) out = policy;
  return status;
}

absl::Status ApplyText(std::string_view text, std::string& out) {
  if (text.empty()) return absl::InvalidArgumentError("must not be empty");
  out = text;
  return absl::OkStatus();
}

absl::Status ApplyCsvMapping(std::string_view text, std::vector<CsvMapping>& out) {
  constexpr std::string_view kIgnored = "-";
  // A column's name may have an equals sign in it, a field's has not.
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return absl::InvalidArgumentError("expected COLUMN=FIELD");
  }
  CsvMapping mapping{.column = std::string(text.substr(0, equals)),
                     .field = std::string(text.substr(equals + 1))};
  if (mapping.column == "*" && mapping.field != kIgnored) {
    return absl::InvalidArgumentError("* stands for many columns, which can only be ignored: '*=-'");
  }
  bool known = mapping.field == kIgnored;
  std::string fields;
  VisitFields(AssignmentUpdate{}, [&](std::string_view name, const auto& /*field*/) {
    known = known || mapping.field == name;
    fields += fmt::format("{}, ", name);
  });
  if (!known) return absl::InvalidArgumentError(fmt::format("expected {}or - as the field", fields));
  for (const CsvMapping& other : out) {
    if (other.column == mapping.column) return absl::InvalidArgumentError("the column is mapped already");
  }
  if (mapping.field == kIgnored) mapping.field.clear();
  out.push_back(std::move(mapping));
  return absl::OkStatus();
}

absl::Status ApplyRate(std::string_view text, std::optional<double>& out) {
  constexpr double kMost = 1e9;
  double number = 0.0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const std::string_view unit = text.substr(static_cast<std::size_t>(stop - text.data()));
  const double seconds = unit == "/s" ? 1.0 : unit == "/m" ? 60.0 : unit == "/h" ? 3600.0 : 0.0;
  if (error != std::errc{} || seconds == 0.0) {
    return absl::InvalidArgumentError(
        "expected a number of assignments a second, a minute or an hour, such as 500/s or 30/m");
  }
  if (!(number > 0.0) || number / seconds > kMost) {
    return absl::InvalidArgumentError("must be more than zero, and at most a billion a second");
  }
  out = number / seconds;
  return absl::OkStatus();
}

// As many as RetryPolicy allows.
constexpr std::size_t kMostAttempts = 100;

constexpr std::size_t kMostMessageBytes = std::numeric_limits<int>::max();

constexpr std::array kGlobalOptions{
    OptionSpec{
        .name = "server",
        .letter = 's',
        .value_name = "TARGET",
        .help = "where the service is: host:port, dns:///host:port, ipv4:a:p,b:p, "
                "ipv6:[a]:p, unix:PATH, xds:///name",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyText(v, line.global.server); }},
    OptionSpec{.name = "output",
               .letter = 'o',
               .value_name = "FORMAT",
               .help = "auto, table, json, ndjson or csv; auto is a table on a terminal and ndjson elsewhere",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyChoice<OutputFormat>(v,
                                                      {{"auto", OutputFormat::kAuto},
                                                       {"table", OutputFormat::kTable},
                                                       {"json", OutputFormat::kJson},
                                                       {"ndjson", OutputFormat::kNdjson},
                                                       {"csv", OutputFormat::kCsv}},
                                                      line.global.output);
                   }},
    OptionSpec{.name = "header",
               .letter = 'H',
               .value_name = "'K: V'|@FILE",
               .help = "send this request metadata, or every line of FILE; for a key that ends in "
                       "-bin the value is base64; repeatable",
               .arity = OptionArity::kRepeated,
               .secret = true,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     line.global.headers.emplace_back(v);
                     return absl::OkStatus();
                   }},
    OptionSpec{
        .name = "timeout",
        .value_name = "DUR",
        .help = "bound of each lookup, or of a whole stream; default 10s for lookups, none for streams",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyOptionalDuration(v, 1ns, line.global.timeout); }},
    OptionSpec{.name = "attempt-timeout",
               .value_name = "DUR",
               .help = "bound of each attempt of a lookup; another one follows while there is time",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyOptionalDuration(v, 1ns, line.global.attempt_timeout);
                   }},
    OptionSpec{.name = "max-attempts",
               .value_name = "N",
               .help = "attempts of a lookup, the first included; 1: no retries (default 4)",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     std::size_t attempts = 0;
                     absl::Status status = ApplyNumber(v, 1, kMostAttempts, attempts);
                     if (status.ok()) line.global.max_attempts = static_cast<int>(attempts);
                     return status;
                   }},
    OptionSpec{
        .name = "hedge",
        .value_name = "off|auto|DUR",
        .help = "ask another endpoint too when a lookup has no answer after DUR, or, with auto, after "
                "the time that 95 % of lookups take (default off)",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyHedge(v, line.global.hedge); }},
    OptionSpec{.name = "lb",
               .value_name = "POLICY",
               .help = "which endpoint a lookup goes to: round_robin (default), pick_first, least_request, "
                       "weighted_round_robin or ring_hash",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyLoadBalancing(v, line.global.load_balancing); }},
    OptionSpec{.name = "stale-if-error",
               .value_name = "DUR",
               .help = "when a lookup fails for want of a server, give the last known status if it is not "
                       "older; keeps statuses in the user's cache directory",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyOptionalDuration(v, 1ns, line.global.stale_if_error);
                   }},
    OptionSpec{.name = "service-config",
               .value_name = "FILE",
               .help =
                   "take time-out, retries, throttling and balancing from this gRPC service config (JSON); "
                   "options beat it",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyText(v, line.global.service_config_file); }},
    OptionSpec{
        .name = "connect-timeout",
        .value_name = "DUR",
        .help = "bound of resolving and connecting (default 5s)",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyDuration(v, 100ms, line.global.connect_timeout); }},
    OptionSpec{.name = "wait-for-ready",
               .help = "wait for the server until the time-out instead of failing at once",
               .arity = OptionArity::kFlag,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyOptionalBool(v, line.global.wait_for_ready); }},
    OptionSpec{
        .name = "keepalive",
        .value_name = "DUR",
        .help = "interval of HTTP/2 pings while calls are open, at least 10s",
        .apply = [](CommandLine& line,
                    std::string_view v) { return ApplyOptionalDuration(v, 10s, line.global.keepalive); }},
    OptionSpec{.name = "max-recv-bytes",
               .value_name = "SIZE",
               .help = "largest message accepted from the server (default 4MiB)",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplySize(v, 1, kMostMessageBytes, line.global.max_recv_bytes);
                   }},
    OptionSpec{
        .name = "plaintext",
        .help = "no TLS, whatever the target",
        .arity = OptionArity::kFlag,
        .excludes = "tls",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.global.plaintext); }},
    OptionSpec{.name = "tls",
               .help = "TLS, also to loopback and unix sockets",
               .arity = OptionArity::kFlag,
               .excludes = "plaintext",
               .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.global.tls); }},
    OptionSpec{
        .name = "cacert",
        .value_name = "FILE",
        .help = "trust these PEM certificates instead of the system's; implies --tls",
        .excludes = "plaintext",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyText(v, line.global.ca_file); }},
    OptionSpec{.name = "cert",
               .value_name = "FILE",
               .help = "client certificate chain, PEM; goes with --key",
               .excludes = "plaintext",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyText(v, line.global.certificate_file); }},
    OptionSpec{.name = "key",
               .value_name = "FILE",
               .help = "the client certificate's private key, PEM",
               .excludes = "plaintext",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyText(v, line.global.private_key_file); }},
    OptionSpec{
        .name = "server-name",
        .value_name = "NAME",
        .help = "name to verify the server's certificate against, also sent as SNI",
        .excludes = "plaintext",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyText(v, line.global.server_name); }},
    OptionSpec{
        .name = "authority",
        .value_name = "NAME",
        .help = "the :authority of every call",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyText(v, line.global.authority); }},
    OptionSpec{
        .name = "token-file",
        .value_name = "FILE",
        .help = "send the bearer token in FILE with every call, over TLS or within this machine only; "
                "read again when it changes",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyText(v, line.global.token_file); }},
    OptionSpec{
        .name = "color",
        .value_name = "WHEN",
        .help = "auto, always or never",
        .apply =
            [](CommandLine& line, std::string_view v) {
              return ApplyChoice<ColorMode>(
                  v,
                  {{"auto", ColorMode::kAuto}, {"always", ColorMode::kAlways}, {"never", ColorMode::kNever}},
                  line.global.color);
            }},
    OptionSpec{
        .name = "quiet",
        .letter = 'q',
        .help = "no notes and no warnings; errors are still shown",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.global.quiet); }},
    OptionSpec{.name = "verbose",
               .letter = 'v',
               .help = "say more on stderr; repeat it for gRPC's own messages",
               .arity = OptionArity::kCount,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     std::size_t level = 0;
                     absl::Status status = ApplyNumber(v, 0, 9, level);
                     if (status.ok()) line.global.verbosity = static_cast<int>(level);
                     return status;
                   }},
    OptionSpec{.name = "trace",
               .value_name = "FILE",
               .help = "write what happens to each call to FILE, a JSON object a line with monotonic "
                       "microseconds",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     if (v == "-") {
                       return absl::InvalidArgumentError(
                           "standard output is for records; name a file, such as /dev/stderr");
                     }
                     return ApplyText(v, line.global.trace_file);
                   }},
    OptionSpec{
        .name = "error-format",
        .value_name = "FORMAT",
        .help = "auto, text or json; auto is json where the output is json or ndjson",
        .apply =
            [](CommandLine& line, std::string_view v) {
              return ApplyChoice<ErrorFormat>(
                  v,
                  {{"auto", ErrorFormat::kAuto}, {"text", ErrorFormat::kText}, {"json", ErrorFormat::kJson}},
                  line.global.error_format);
            }},
};

constexpr std::array kLookupOptions{
    OptionSpec{.name = "file",
               .letter = 'f',
               .value_name = "FILE|-",
               .help = "read courier ids from FILE, one a line; - is standard input; repeatable",
               .arity = OptionArity::kRepeated,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     line.lookup.sources.push_back({.text = std::string(v), .is_file = true});
                     return v.empty() ? absl::InvalidArgumentError("must not be empty") : absl::OkStatus();
                   }},
    OptionSpec{.name = "parallel",
               .value_name = "N",
               .help = "most lookups in flight at once (default 64)",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyNumber(v, 1, 65'536, line.lookup.parallel); }},
    OptionSpec{
        .name = "unordered",
        .help = "print each result as it comes, not in the order of the ids",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.lookup.unordered); }},
};

constexpr std::array kAssignOptions{
    OptionSpec{.name = "file",
               .letter = 'f',
               .value_name = "FILE|-",
               .help = "read assignments from FILE, one a line; - is standard input; repeatable",
               .arity = OptionArity::kRepeated,
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     line.assign.files.emplace_back(v);
                     return v.empty() ? absl::InvalidArgumentError("must not be empty") : absl::OkStatus();
                   }},
    OptionSpec{.name = "in",
               .value_name = "FORMAT",
               .help = "auto, ndjson or csv; auto tells by the file's name or its first line",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyChoice<InputFormat>(v,
                                                     {{"auto", InputFormat::kAuto},
                                                      {"ndjson", InputFormat::kNdjson},
                                                      {"csv", InputFormat::kCsv}},
                                                     line.assign.input_format);
                   }},
    OptionSpec{.name = "csv-map",
               .value_name = "COLUMN=FIELD",
               .help =
                   "which field a column of CSV gives; - as the field ignores the column, * as the column "
                   "means all others; repeatable",
               .arity = OptionArity::kRepeated,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyCsvMapping(v, line.assign.csv_map); }},
    OptionSpec{.name = "window",
               .value_name = "N",
               .help = "most assignments sent and not yet answered (default 4096)",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyNumber(v, 1, 1'048'576, line.assign.window); }},
    OptionSpec{.name = "streams",
               .value_name = "K",
               .help = "share the work over K streams, on as many endpoints as there are; each courier's "
                       "assignments keep their order (default 1)",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyNumber(v, 1, 64, line.assign.streams); }},
    OptionSpec{
        .name = "bad-record",
        .value_name = "ACTION",
        .help = "what a line that cannot be used does: fail (default), skip or report",
        .apply =
            [](CommandLine& line, std::string_view v) {
              return ApplyChoice<BadRecord>(
                  v, {{"fail", BadRecord::kFail}, {"skip", BadRecord::kSkip}, {"report", BadRecord::kReport}},
                  line.assign.bad_record);
            }},
    OptionSpec{.name = "max-line",
               .value_name = "SIZE",
               .help = "longest line accepted (default 1MiB)",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplySize(v, 1, std::size_t{1} << 30U, line.assign.max_line);
                   }},
    OptionSpec{.name = "rate",
               .value_name = "N/s",
               .help = "send no more than N assignments a second, or N/m a minute",
               .apply = [](CommandLine& line, std::string_view v) { return ApplyRate(v, line.assign.rate); }},
    OptionSpec{
        .name = "no-resume",
        .help = "end with the first stream that is lost, instead of going on with another; what is then "
                "unanswered is reported",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.assign.no_resume); }},
    OptionSpec{.name = "drain-timeout",
               .value_name = "DUR",
               .help = "how long to wait for results after SIGINT or SIGTERM (default 5s)",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyDuration(v, 0ns, line.assign.drain_timeout); }},
    OptionSpec{
        .name = "ordered",
        .help = "print results in the order of the input, not in that of the server",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.assign.ordered); }},
    OptionSpec{
        .name = "detail",
        .help = "add courier, zone, line, latency, attempt and endpoint to each result",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.assign.detail); }},
    OptionSpec{.name = "fail-on",
               .value_name = "WHAT",
               .help = "none (default) or rejected: exit 7 when an assignment was rejected",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyChoice<FailOn>(v, {{"none", FailOn::kNone}, {"rejected", FailOn::kRejected}},
                                                line.assign.fail_on);
                   }},
    OptionSpec{.name = "summary",
               .value_name = "FORMAT",
               .help = "auto, text, json or none, on stderr; auto is text on a terminal and none elsewhere",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     return ApplyChoice<SummaryFormat>(v,
                                                       {{"auto", SummaryFormat::kAuto},
                                                        {"text", SummaryFormat::kText},
                                                        {"json", SummaryFormat::kJson},
                                                        {"none", SummaryFormat::kNone}},
                                                       line.assign.summary);
                   }},
    OptionSpec{
        .name = "dry-run",
        .help = "read and check the input, send nothing",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.assign.dry_run); }},
    OptionSpec{.name = "out",
               .value_name = "FILE",
               .help = "write results to FILE, which must be new or empty, instead of standard output",
               .apply =
                   [](CommandLine& line, std::string_view v) {
                     if (v == "-") {
                       return absl::InvalidArgumentError("without --out, results go to standard output");
                     }
                     return ApplyText(v, line.assign.out_file);
                   }},
    OptionSpec{.name = "continue",
               .help = "go on with the --out file of an earlier run: what it answers is not sent again",
               .arity = OptionArity::kFlag,
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyBool(v, line.assign.continue_out); }},
    OptionSpec{.name = "unacknowledged",
               .value_name = "FILE",
               .help = "write assignments that got no result to FILE, as lines that assign -f reads",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyText(v, line.assign.unacknowledged_file); }},
};

constexpr std::array kEndpointsOptions{
    OptionSpec{
        .name = "watch",
        .help = "list them again and again, each time with the time",
        .arity = OptionArity::kFlag,
        .apply = [](CommandLine& line, std::string_view v) { return ApplyBool(v, line.endpoints.watch); }},
    OptionSpec{.name = "interval",
               .value_name = "DUR",
               .help = "how often --watch lists them, at least 10ms (default 2s)",
               .apply = [](CommandLine& line,
                           std::string_view v) { return ApplyDuration(v, 10ms, line.endpoints.interval); }},
};

constexpr std::array kCommands{
    CommandSpec{.command = Command::kLookup,
                .name = "lookup",
                .operands = "ID... | -f FILE|-",
                .help = "show the status of couriers"},
    CommandSpec{.command = Command::kAssign,
                .name = "assign",
                .operands = "-f FILE|-",
                .help = "stream assignments and print each decision"},
    CommandSpec{.command = Command::kEndpoints,
                .name = "endpoints",
                .operands = "",
                .help = "show the endpoints of a target, and whether they can be reached"},
    CommandSpec{.command = Command::kDoctor,
                .name = "doctor",
                .operands = "",
                .help = "look for what keeps a service from being reached"},
    CommandSpec{.command = Command::kHelp,
                .name = "help",
                .operands = "[COMMAND|TOPIC]",
                .help = "explain a command or a topic"},
    CommandSpec{.command = Command::kVersion,
                .name = "version",
                .operands = "",
                .help = "print the version and how it was built"},
};

}  // namespace

std::span<const OptionSpec> GlobalOptionTable() {
  return kGlobalOptions;
}

std::span<const OptionSpec> CommandOptionTable(Command command) {
  switch (command) {
    case Command::kLookup:
      return kLookupOptions;
    case Command::kAssign:
      return kAssignOptions;
    case Command::kEndpoints:
      return kEndpointsOptions;
    case Command::kDoctor:
    case Command::kNone:
    case Command::kHelp:
    case Command::kVersion:
      break;
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
