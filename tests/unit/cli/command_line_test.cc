#include "config/command_line.h"

#include <dispatchctl/client_options.h>
#include <dispatchctl/load_balancing.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/option_table.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Variables = std::map<std::string, std::string, std::less<>>;

ParsedCommandLine Parse(std::vector<const char*> arguments, const Variables& environment,
                        const ConfigReader& read_config) {
  arguments.insert(arguments.begin(), "dispatchctl");
  return ParseCommandLine(
      static_cast<int>(arguments.size()), arguments.data(),
      [&](std::string_view name) -> std::optional<std::string_view> {
        const auto found = environment.find(name);
        if (found == environment.end()) return std::nullopt;
        return found->second;
      },
      read_config);
}

ParsedCommandLine Parse(std::vector<const char*> arguments, const Variables& environment = {}) {
  return Parse(std::move(arguments), environment,
               [](const std::string& /*path*/) { return std::optional<ConfigText>(); });
}

// With a configuration file where it usually is.
ParsedCommandLine ParseWith(std::string_view config, std::vector<const char*> arguments,
                            Variables environment = {}) {
  environment["HOME"] = "/home/u";
  return Parse(std::move(arguments), environment,
               [config](const std::string& path) -> absl::StatusOr<std::optional<ConfigText>> {
                 if (path != "/home/u/.config/dispatchctl/config.toml") return std::optional<ConfigText>();
                 return ConfigText{.text = std::string(config)};
               });
}

GlobalOptions GlobalWith(std::string_view config, std::vector<const char*> arguments,
                         Variables environment = {}) {
  const ParsedCommandLine parsed = ParseWith(config, std::move(arguments), std::move(environment));
  EXPECT_FALSE(parsed.error.has_value()) << parsed.error->message;
  return parsed.line.global;
}

std::string ConfigErrorOf(std::string_view config, std::vector<const char*> arguments,
                          Variables environment = {}) {
  const ParsedCommandLine parsed = ParseWith(config, std::move(arguments), std::move(environment));
  if (!parsed.error.has_value()) return "no error";
  EXPECT_EQ(parsed.error->kind, ErrorKind::kConfig);
  return parsed.error->message + " | " + parsed.error->hint;
}

CommandLine ParseGood(std::vector<const char*> arguments,
                      const std::map<std::string, std::string, std::less<>>& environment = {}) {
  ParsedCommandLine parsed = Parse(std::move(arguments), environment);
  EXPECT_FALSE(parsed.error.has_value()) << parsed.error->message;
  return parsed.line;
}

std::string UsageErrorOf(std::vector<const char*> arguments,
                         const std::map<std::string, std::string, std::less<>>& environment = {}) {
  const ParsedCommandLine parsed = Parse(std::move(arguments), environment);
  if (!parsed.error.has_value()) return "no error";
  EXPECT_EQ(parsed.error->kind, ErrorKind::kUsage);
  return parsed.error->message + " | " + parsed.error->hint;
}

std::vector<std::string> SourcesOf(const CommandLine& line) {
  std::vector<std::string> sources;
  for (const LookupSource& source : line.lookup.sources) {
    sources.push_back((source.is_file ? "file " : "id ") + source.text);
  }
  return sources;
}

TEST(CommandLine, GlobalOptionsStandBeforeAndAfterTheCommand) {
  for (const auto& line : {ParseGood({"-s", "h:1", "-o", "json", "lookup", "c-1"}),
                           ParseGood({"lookup", "c-1", "--server=h:1", "--output", "json"}),
                           ParseGood({"-sh:1", "lookup", "-ojson", "c-1"})}) {
    EXPECT_EQ(line.command, Command::kLookup);
    EXPECT_EQ(line.global.server, "h:1");
    EXPECT_EQ(line.global.output, OutputFormat::kJson);
    EXPECT_THAT(SourcesOf(line), ElementsAre("id c-1"));
  }
}

TEST(CommandLine, IdsAndFilesKeepTheirOrder) {
  EXPECT_THAT(SourcesOf(ParseGood({"lookup", "a", "-f", "x", "b", "--file=-", "c"})),
              ElementsAre("id a", "file x", "id b", "file -", "id c"));
}

TEST(CommandLine, IdsMayLookLikeAnything) {
  EXPECT_THAT(SourcesOf(ParseGood({"lookup", "[a,b]", "assign", "lookup", "-", "--", "--server", "-x"})),
              ElementsAre("id [a,b]", "id assign", "id lookup", "id -", "id --server", "id -x"));
}

TEST(CommandLine, LastOfARepeatedOptionWins) {
  EXPECT_EQ(ParseGood({"-s", "a:1", "lookup", "x", "-s", "b:2"}).global.server, "b:2");
}

TEST(CommandLine, HeadersAccumulateInOrder) {
  EXPECT_THAT(ParseGood({"-H", "a: 1", "-H", "b: [x,y]", "lookup", "x", "-H", "@f"}).global.headers,
              ElementsAre("a: 1", "b: [x,y]", "@f"));
}

TEST(CommandLine, VerbosityCounts) {
  EXPECT_EQ(ParseGood({"lookup", "x"}).global.verbosity, 0);
  EXPECT_EQ(ParseGood({"-v", "lookup", "x", "-v"}).global.verbosity, 2);
  EXPECT_EQ(ParseGood({"-vvv", "lookup", "x"}).global.verbosity, 3);
}

TEST(CommandLine, AssignTakesItsOptions) {
  const AssignOptions options = ParseGood({"assign",    "-f",
                                           "a",         "-f",
                                           "-",         "--in",
                                           "ndjson",    "--window",
                                           "7",         "--bad-record",
                                           "report",    "--max-line",
                                           "64KiB",     "--drain-timeout",
                                           "250ms",     "--detail",
                                           "--fail-on", "rejected",
                                           "--summary", "json",
                                           "--dry-run", "--unacknowledged",
                                           "u"})
                                    .assign;
  EXPECT_THAT(options.files, ElementsAre("a", "-"));
  EXPECT_EQ(options.input_format, InputFormat::kNdjson);
  EXPECT_EQ(options.window, 7U);
  EXPECT_EQ(options.bad_record, BadRecord::kReport);
  EXPECT_EQ(options.max_line, 65536U);
  EXPECT_EQ(options.drain_timeout, 250ms);
  EXPECT_TRUE(options.detail);
  EXPECT_EQ(options.fail_on, FailOn::kRejected);
  EXPECT_EQ(options.summary, SummaryFormat::kJson);
  EXPECT_TRUE(options.dry_run);
  EXPECT_EQ(options.unacknowledged_file, "u");
}

TEST(CommandLine, LookupsTakeTheirPolicies) {
  const GlobalOptions none = ParseGood({"lookup", "x"}).global;
  EXPECT_FALSE(none.attempt_timeout.has_value());
  EXPECT_FALSE(none.max_attempts.has_value());
  EXPECT_FALSE(none.hedge.has_value());
  EXPECT_FALSE(none.load_balancing.has_value());
  EXPECT_FALSE(none.stale_if_error.has_value());
  EXPECT_FALSE(none.wait_for_ready.has_value());
  const GlobalOptions all =
      ParseGood({"lookup", "x", "--attempt-timeout", "50ms", "--max-attempts", "7", "--hedge", "20ms", "--lb",
                 "ring_hash", "--stale-if-error=1h", "--service-config", "c.json", "--trace", "t.ndjson"})
          .global;
  EXPECT_EQ(all.attempt_timeout, 50ms);
  EXPECT_EQ(all.max_attempts, 7);
  EXPECT_EQ(all.hedge->mode, HedgingMode::kFixed);
  EXPECT_EQ(all.hedge->delay, 20ms);
  EXPECT_EQ(all.load_balancing, LoadBalancing::kRingHash);
  EXPECT_EQ(all.stale_if_error, 1h);
  EXPECT_EQ(all.service_config_file, "c.json");
  EXPECT_EQ(all.trace_file, "t.ndjson");
}

TEST(CommandLine, HedgingIsOffAutomaticOrADelay) {
  EXPECT_EQ(ParseGood({"lookup", "x", "--hedge", "off"}).global.hedge->mode, HedgingMode::kOff);
  EXPECT_EQ(ParseGood({"lookup", "x", "--hedge", "auto"}).global.hedge->mode, HedgingMode::kAutomatic);
  EXPECT_EQ(ParseGood({"lookup", "x", "--hedge", "0s"}).global.hedge->delay, 0s);
  EXPECT_EQ(ParseGood({"lookup", "x", "--hedge", "off"}, {{"DISPATCHCTL_HEDGE", "auto"}}).global.hedge->mode,
            HedgingMode::kOff);
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--hedge", "often"}),
              HasSubstr("--hedge: expected off, auto or a dur"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x"}, {{"DISPATCHCTL_HEDGE", "5"}}), HasSubstr("DISPATCHCTL_HEDGE"));
}

TEST(CommandLine, BadPoliciesAreNamed) {
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--max-attempts", "0"}), HasSubstr("--max-attempts"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--max-attempts", "101"}), HasSubstr("from 1 to 100"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--lb", "random"}),
              HasSubstr("--lb: expected round_robin, pick_first"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--attempt-timeout", "0s"}), HasSubstr("more than zero"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--stale-if-error", "0s"}), HasSubstr("--stale-if-error"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--trace", "-"}), HasSubstr("/dev/stderr"));
}

TEST(CommandLine, EndpointsTakesItsOptions) {
  const CommandLine line = ParseGood({"endpoints", "--watch", "--interval", "1s"});
  EXPECT_EQ(line.command, Command::kEndpoints);
  EXPECT_TRUE(line.endpoints.watch);
  EXPECT_EQ(line.endpoints.interval, 1s);
  EXPECT_FALSE(ParseGood({"endpoints"}).endpoints.watch);
  EXPECT_THAT(UsageErrorOf({"endpoints", "--interval", "1ms"}), HasSubstr("at least 10ms"));
  EXPECT_THAT(UsageErrorOf({"endpoints", "surplus"}), HasSubstr("unexpected argument"));
}

TEST(CommandLine, FlagBeatsEnvironmentBeatsBuiltIn) {
  EXPECT_EQ(ParseGood({"lookup", "x"}).global.connect_timeout, 5s);
  EXPECT_EQ(ParseGood({"lookup", "x"}, {{"DISPATCHCTL_CONNECT_TIMEOUT", "1s"}}).global.connect_timeout, 1s);
  EXPECT_EQ(ParseGood({"lookup", "x", "--connect-timeout", "2s"}, {{"DISPATCHCTL_CONNECT_TIMEOUT", "1s"}})
                .global.connect_timeout,
            2s);
}

TEST(CommandLine, EveryGlobalOptionHasAVariable) {
  const GlobalOptions global = ParseGood({"lookup", "x"}, {{"DISPATCHCTL_SERVER", "h:1"},
                                                           {"DISPATCHCTL_OUTPUT", "csv"},
                                                           {"DISPATCHCTL_HEADER", "a: 1\nb: 2"},
                                                           {"DISPATCHCTL_TIMEOUT", "3s"},
                                                           {"DISPATCHCTL_WAIT_FOR_READY", "true"},
                                                           {"DISPATCHCTL_KEEPALIVE", "20s"},
                                                           {"DISPATCHCTL_MAX_RECV_BYTES", "1MiB"},
                                                           {"DISPATCHCTL_TLS", "1"},
                                                           {"DISPATCHCTL_CACERT", "ca"},
                                                           {"DISPATCHCTL_CERT", "cert"},
                                                           {"DISPATCHCTL_KEY", "key"},
                                                           {"DISPATCHCTL_SERVER_NAME", "name"},
                                                           {"DISPATCHCTL_AUTHORITY", "auth"},
                                                           {"DISPATCHCTL_COLOR", "never"},
                                                           {"DISPATCHCTL_QUIET", "yes"},
                                                           {"DISPATCHCTL_VERBOSE", "2"},
                                                           {"DISPATCHCTL_ERROR_FORMAT", "text"}})
                                   .global;
  EXPECT_EQ(global.server, "h:1");
  EXPECT_EQ(global.output, OutputFormat::kCsv);
  EXPECT_THAT(global.headers, ElementsAre("a: 1", "b: 2"));
  EXPECT_EQ(global.timeout, 3s);
  EXPECT_TRUE(global.wait_for_ready);
  EXPECT_EQ(global.keepalive, 20s);
  EXPECT_EQ(global.max_recv_bytes, 1048576U);
  EXPECT_TRUE(global.tls);
  EXPECT_EQ(global.ca_file, "ca");
  EXPECT_EQ(global.certificate_file, "cert");
  EXPECT_EQ(global.private_key_file, "key");
  EXPECT_EQ(global.server_name, "name");
  EXPECT_EQ(global.authority, "auth");
  EXPECT_EQ(global.color, ColorMode::kNever);
  EXPECT_TRUE(global.quiet);
  EXPECT_EQ(global.verbosity, 2);
  EXPECT_EQ(global.error_format, ErrorFormat::kText);
}

TEST(CommandLine, EmptyVariablesDoNotCount) {
  EXPECT_EQ(ParseGood({"lookup", "x"}, {{"DISPATCHCTL_SERVER", ""}}).global.server, "");
}

TEST(CommandLine, BadVariablesAreNamed) {
  EXPECT_THAT(UsageErrorOf({"lookup", "x"}, {{"DISPATCHCTL_TIMEOUT", "5"}}),
              HasSubstr("DISPATCHCTL_TIMEOUT"));
}

TEST(CommandLine, SecurityFlagBeatsItsOppositeInTheEnvironment) {
  const GlobalOptions tls = ParseGood({"lookup", "x", "--tls"}, {{"DISPATCHCTL_PLAINTEXT", "1"}}).global;
  EXPECT_TRUE(tls.tls);
  EXPECT_FALSE(tls.plaintext);
  const GlobalOptions plain =
      ParseGood({"lookup", "x", "--plaintext"}, {{"DISPATCHCTL_TLS", "1"}, {"DISPATCHCTL_CACERT", "ca"}})
          .global;
  EXPECT_TRUE(plain.plaintext);
  EXPECT_FALSE(plain.tls);
  EXPECT_EQ(plain.ca_file, "");
}

TEST(CommandLine, CertificateFlagsImplyTls) {
  EXPECT_TRUE(ParseGood({"lookup", "x", "--cacert", "ca"}).global.tls);
  EXPECT_FALSE(ParseGood({"lookup", "x"}, {{"DISPATCHCTL_CACERT", "ca"}}).global.tls);
}

TEST(CommandLine, ContradictionsAreUsageErrors) {
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--tls", "--plaintext"}), HasSubstr("exclude each other"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--cacert", "ca", "--plaintext"}),
              HasSubstr("exclude each other"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x"}, {{"DISPATCHCTL_TLS", "1"}, {"DISPATCHCTL_PLAINTEXT", "1"}}),
              HasSubstr("exclude each other"));
}

constexpr std::string_view kConfig = R"(
current-context = "staging"
[contexts.staging]
server = "staging:443"
connect-timeout = "1s"
header = ["a: 1", "@headers"]
token-file = "secrets/token"
[contexts.local]
server = "localhost:1"
plaintext = true
[contexts.secured]
server = "secured:1"
cacert = "/etc/ca.pem"
key = "~/key.pem"
[contexts.broken]
server = 1
)";

TEST(CommandLine, TheContextGivesWhatNothingElseDoes) {
  const GlobalOptions global = GlobalWith(kConfig, {"lookup", "x"});
  EXPECT_EQ(global.server, "staging:443");
  EXPECT_EQ(global.connect_timeout, 1s);
  EXPECT_EQ(GlobalWith(kConfig, {"lookup", "x"}, {{"DISPATCHCTL_SERVER", "e:1"}}).server, "e:1");
  EXPECT_EQ(GlobalWith(kConfig, {"lookup", "x", "-s", "f:1"}, {{"DISPATCHCTL_SERVER", "e:1"}}).server, "f:1");
  EXPECT_EQ(GlobalWith(kConfig, {"lookup", "x", "-s", "f:1"}).connect_timeout, 1s);
}

TEST(CommandLine, FlagBeatsEnvironmentBeatsCurrentContext) {
  EXPECT_EQ(GlobalWith(kConfig, {"lookup", "x", "-c", "local"}).server, "localhost:1");
  EXPECT_EQ(GlobalWith(kConfig, {"lookup", "x"}, {{"DISPATCHCTL_CONTEXT", "secured"}}).server, "secured:1");
  EXPECT_EQ(
      GlobalWith(kConfig, {"lookup", "x", "--context=local"}, {{"DISPATCHCTL_CONTEXT", "secured"}}).server,
      "localhost:1");
}

TEST(CommandLine, FilesOfAContextAreRelativeToTheConfiguration) {
  const GlobalOptions staging = GlobalWith(kConfig, {"lookup", "x"});
  EXPECT_EQ(staging.token_file, "/home/u/.config/dispatchctl/secrets/token");
  EXPECT_THAT(staging.headers, ElementsAre("a: 1", "@/home/u/.config/dispatchctl/headers"));
  const GlobalOptions secured = GlobalWith(kConfig, {"lookup", "x", "-c", "secured"});
  EXPECT_EQ(secured.ca_file, "/etc/ca.pem");
  EXPECT_EQ(secured.private_key_file, "/home/u/key.pem");
}

TEST(CommandLine, HeadersOfAHigherLevelReplaceThoseBelow) {
  EXPECT_THAT(GlobalWith(kConfig, {"lookup", "x", "-H", "b: 2"}).headers, ElementsAre("b: 2"));
  EXPECT_THAT(GlobalWith(kConfig, {"lookup", "x"}, {{"DISPATCHCTL_HEADER", "c: 3"}}).headers,
              ElementsAre("c: 3"));
}

TEST(CommandLine, CertificatesInAContextMeanTlsAndGiveWayToItsOpposite) {
  EXPECT_TRUE(GlobalWith(kConfig, {"lookup", "x", "-c", "secured"}).tls);
  for (const GlobalOptions& plain :
       {GlobalWith(kConfig, {"lookup", "x", "-c", "secured", "--plaintext"}),
        GlobalWith(kConfig, {"lookup", "x", "-c", "secured"}, {{"DISPATCHCTL_PLAINTEXT", "1"}})}) {
    EXPECT_TRUE(plain.plaintext);
    EXPECT_FALSE(plain.tls);
    EXPECT_EQ(plain.ca_file, "");
    EXPECT_EQ(plain.private_key_file, "");
  }
  const GlobalOptions tls = GlobalWith(kConfig, {"lookup", "x", "-c", "local", "--cacert", "ca"});
  EXPECT_TRUE(tls.tls);
  EXPECT_FALSE(tls.plaintext);
  const GlobalOptions environment =
      GlobalWith(kConfig, {"lookup", "x", "-c", "local"}, {{"DISPATCHCTL_CACERT", "ca"}});
  EXPECT_TRUE(environment.plaintext);
  EXPECT_FALSE(environment.tls);
}

TEST(CommandLine, AFlagCanTurnOffWhatAContextTurnsOn) {
  EXPECT_FALSE(GlobalWith(kConfig, {"lookup", "x", "-c", "local", "--plaintext=false"}).plaintext);
  EXPECT_TRUE(GlobalWith(kConfig, {"lookup", "x", "-c", "local", "--tls=false"}).plaintext);
}

TEST(CommandLine, MistakesOfTheConfigurationAreTold) {
  EXPECT_THAT(ConfigErrorOf(kConfig, {"lookup", "x", "-c", "broken"}),
              HasSubstr("/home/u/.config/dispatchctl/config.toml:16:10: server is a number"));
  EXPECT_THAT(ConfigErrorOf(kConfig, {"lookup", "x", "-c", "stagin"}), HasSubstr("did you mean 'staging'?"));
  EXPECT_THAT(ConfigErrorOf(kConfig, {"lookup", "x", "-c", "else"}),
              HasSubstr("there are: staging, local, secured, broken"));
  EXPECT_THAT(ConfigErrorOf("[contexts", {"lookup", "x"}), HasSubstr("config.toml:1:10: not TOML"));
  EXPECT_THAT(ConfigErrorOf("current-context = \"x\"", {"lookup", "x"}), HasSubstr("no such context"));
  EXPECT_THAT(ConfigErrorOf("", {"lookup", "x", "--config", "/c"}), HasSubstr("no configuration file /c"));
  EXPECT_THAT(ConfigErrorOf("", {"lookup", "x"}, {{"DISPATCHCTL_CONFIG", "/e"}}), HasSubstr("file /e"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "-c", ""}), HasSubstr("must not be empty"));
}

TEST(CommandLine, ADanglingCurrentContextDoesNotMatterToWhoNamesAnother) {
  EXPECT_EQ(
      GlobalWith("current-context = 'x'\n[contexts.y]\nserver = 'y:1'\n", {"lookup", "x", "-c", "y"}).server,
      "y:1");
}

TEST(CommandLine, CommandsThatNeedNoServerIgnoreTheConfiguration) {
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{"version"},
                                                    {"help"},
                                                    {"--help"},
                                                    {"completion", "bash"},
                                                    {"context", "path"}}) {
    const ParsedCommandLine parsed =
        Parse(arguments, {{"HOME", "/h"}},
              [](const std::string& /*path*/) -> absl::StatusOr<std::optional<ConfigText>> {
                ADD_FAILURE() << "read";
                return absl::FailedPreconditionError("bad");
              });
    EXPECT_FALSE(parsed.error.has_value());
  }
}

TEST(CommandLine, WithoutAHomeThereIsNoConfiguration) {
  EXPECT_EQ(ParseGood({"lookup", "x"}).global.server, "");
  EXPECT_EQ(ParseGood({"lookup", "x"}, {{"XDG_CONFIG_HOME", "relative"}}).global.server, "");
  const ParsedCommandLine parsed = Parse({"lookup", "x", "-c", "y"});
  ASSERT_TRUE(parsed.error.has_value());
  EXPECT_THAT(parsed.error->message, HasSubstr("neither XDG_CONFIG_HOME nor HOME"));
}

TEST(CommandLine, NamesOfBalancersAreThoseOfTheLibrary) {
  for (const LoadBalancing policy :
       {LoadBalancing::kRoundRobin, LoadBalancing::kPickFirst, LoadBalancing::kLeastRequest,
        LoadBalancing::kWeightedRoundRobin, LoadBalancing::kRingHash}) {
    const std::string name(LoadBalancingName(policy));
    EXPECT_EQ(ParseGood({"lookup", "x", "--lb", name.c_str()}).global.load_balancing, policy);
  }
}

TEST(CommandLine, BuiltInValuesAreWhatTheOptionsStartWith) {
  for (const OptionSpec& spec : GlobalOptionTable()) {
    // That of lookups only, in words.
    if (spec.built_in.empty() || spec.name == "timeout") continue;
    CommandLine line;
    EXPECT_TRUE(spec.apply(line, spec.built_in).ok()) << spec.name;
    const GlobalOptions none;
    EXPECT_EQ(line.global.connect_timeout, none.connect_timeout);
    EXPECT_EQ(line.global.max_recv_bytes, none.max_recv_bytes);
    EXPECT_EQ(line.global.output, none.output);
    EXPECT_EQ(line.global.color, none.color);
    EXPECT_EQ(line.global.error_format, none.error_format);
    EXPECT_EQ(line.global.max_attempts.value_or(RetryPolicy().max_attempts), RetryPolicy().max_attempts);
    EXPECT_EQ(line.global.load_balancing.value_or(LoadBalancing::kRoundRobin), LoadBalancing::kRoundRobin);
    EXPECT_FALSE(line.global.plaintext || line.global.tls || line.global.quiet);
  }
}

TEST(CommandLine, ChoicesAreWhatTheOptionsTake) {
  const auto check = [](std::span<const OptionSpec> table) {
    for (const OptionSpec& spec : table) {
      for (const std::string_view choice : spec.choices) {
        CommandLine line;
        EXPECT_TRUE(spec.apply(line, choice).ok()) << spec.name << " " << choice;
        // Help says them all.
        EXPECT_NE((std::string(spec.help) + std::string(spec.value_name)).find(choice), std::string::npos)
            << spec.name << " " << choice;
      }
      const bool lists_words = spec.value_name.find('|') != std::string_view::npos;
      EXPECT_TRUE(!lists_words || spec.kind != ValueKind::kText || !spec.choices.empty()) << spec.name;
    }
  };
  check(GlobalOptionTable());
  for (const CommandSpec& command : CommandTable()) check(command.options());
}

TEST(CommandLine, UnknownThingsAreNamedWithTheNearest) {
  EXPECT_EQ(UsageErrorOf({"lookup", "x", "--servr", "h:1"}),
            "unknown option '--servr' | did you mean '--server'?");
  EXPECT_EQ(UsageErrorOf({"lookup", "x", "--paralel=3"}),
            "unknown option '--paralel' | did you mean '--parallel'?");
  EXPECT_EQ(UsageErrorOf({"lookup", "x", "-z"}), "unknown option '-z' | see 'dispatchctl lookup --help'");
  EXPECT_EQ(UsageErrorOf({"lokup", "x"}), "unknown command 'lokup' | did you mean 'lookup'?");
  EXPECT_EQ(UsageErrorOf({"frobnicate"}), "unknown command 'frobnicate' | see 'dispatchctl --help'");
  EXPECT_EQ(UsageErrorOf({"assign", "-f", "x", "y"}),
            "unexpected argument 'y' | read from a file with -f 'y'");
}

TEST(CommandLine, NoAbbreviations) {
  EXPECT_THAT(UsageErrorOf({"look", "x"}), HasSubstr("unknown command"));
  EXPECT_THAT(UsageErrorOf({"lookup", "--serv", "h:1", "x"}), HasSubstr("unknown option"));
}

TEST(CommandLine, MissingAndBadValues) {
  EXPECT_THAT(UsageErrorOf({"assign", "-f", "x", "--in", "xml"}), HasSubstr("expected auto, ndjson or csv"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--server"}), HasSubstr("--server needs a value"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--server="}), HasSubstr("--server needs a value"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--timeout", "5"}), HasSubstr("needs a unit"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--timeout", "0s"}), HasSubstr("more than zero"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--connect-timeout", "99ms"}), HasSubstr("at least 100ms"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--keepalive", "9s"}), HasSubstr("at least 10000ms"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "-o", "yaml"}),
              HasSubstr("'yaml' for -o/--output: expected auto, table, json, ndjson or csv"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--parallel", "0"}), HasSubstr("from 1 to 65536"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--parallel", "4x"}), HasSubstr("from 1 to 65536"));
  EXPECT_THAT(UsageErrorOf({"lookup", "x", "--tls=perhaps"}), HasSubstr("--tls"));
}

TEST(CommandLine, OutputFormatIsKnownDespiteTheError) {
  const ParsedCommandLine parsed = Parse({"lookup", "--bogus", "-o", "json", "--error-format", "text"});
  ASSERT_TRUE(parsed.error.has_value());
  EXPECT_EQ(parsed.line.global.output, OutputFormat::kJson);
  EXPECT_EQ(parsed.line.global.error_format, ErrorFormat::kText);
  EXPECT_EQ(parsed.line.command, Command::kLookup);
}

TEST(CommandLine, ControlCharactersAreNotRepeatedRaw) {
  EXPECT_THAT(UsageErrorOf({"lookup", "--bo\x1bgus"}), Not(HasSubstr("\x1b")));
}

TEST(CommandLine, HelpAndVersion) {
  EXPECT_TRUE(ParseGood({"--help"}).global.help);
  EXPECT_TRUE(ParseGood({"lookup", "-h"}).global.help);
  EXPECT_TRUE(ParseGood({"--version"}).global.version);
  EXPECT_THAT(ParseGood({"help", "exit-codes"}).operands, ElementsAre("exit-codes"));
  EXPECT_EQ(ParseGood({"version"}).command, Command::kVersion);
  EXPECT_EQ(ParseGood({}).command, Command::kNone);
}

}  // namespace
}  // namespace dispatchctl::cli
