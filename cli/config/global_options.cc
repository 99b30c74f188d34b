#include <array>
#include <limits>

#include "config/command_options.h"
#include "config/option_values.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

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
    OptionSpec{
        .name = "fields",
        .value_name = "A,B",
        .help = "print these fields of each record only, in this order",
        .apply = [](CommandLine& line, std::string_view v) { return ApplyNames(v, line.global.fields); }},
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

}  // namespace

std::span<const OptionSpec> GlobalOptionTable() {
  return kGlobalOptions;
}

}  // namespace dispatchctl::cli
