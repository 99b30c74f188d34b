#include "config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

ParsedCommandLine Parse(std::vector<const char*> arguments,
                        const std::map<std::string, std::string, std::less<>>& environment = {}) {
  arguments.insert(arguments.begin(), "dispatchctl");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(),
                          [&](std::string_view name) -> std::optional<std::string_view> {
                            const auto found = environment.find(name);
                            if (found == environment.end()) return std::nullopt;
                            return found->second;
                          });
}

CommandLine ParseGood(std::vector<const char*> arguments,
                      const std::map<std::string, std::string, std::less<>>& environment = {}) {
  ParsedCommandLine parsed = Parse(std::move(arguments), environment);
  EXPECT_FALSE(parsed.error.has_value()) << parsed.error->message;
  return parsed.line;
}

std::string ErrorOf(std::vector<const char*> arguments,
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
  EXPECT_THAT(ErrorOf({"lookup", "x", "--hedge", "often"}),
              HasSubstr("--hedge: expected off, auto or a dur"));
  EXPECT_THAT(ErrorOf({"lookup", "x"}, {{"DISPATCHCTL_HEDGE", "5"}}), HasSubstr("DISPATCHCTL_HEDGE"));
}

TEST(CommandLine, BadPoliciesAreNamed) {
  EXPECT_THAT(ErrorOf({"lookup", "x", "--max-attempts", "0"}), HasSubstr("--max-attempts"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--max-attempts", "101"}), HasSubstr("from 1 to 100"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--lb", "random"}),
              HasSubstr("--lb: expected round_robin, pick_first"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--attempt-timeout", "0s"}), HasSubstr("more than zero"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--stale-if-error", "0s"}), HasSubstr("--stale-if-error"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--trace", "-"}), HasSubstr("/dev/stderr"));
}

TEST(CommandLine, EndpointsTakesItsOptions) {
  const CommandLine line = ParseGood({"endpoints", "--watch", "--interval", "1s"});
  EXPECT_EQ(line.command, Command::kEndpoints);
  EXPECT_TRUE(line.endpoints.watch);
  EXPECT_EQ(line.endpoints.interval, 1s);
  EXPECT_FALSE(ParseGood({"endpoints"}).endpoints.watch);
  EXPECT_THAT(ErrorOf({"endpoints", "--interval", "1ms"}), HasSubstr("at least 10ms"));
  EXPECT_THAT(ErrorOf({"endpoints", "surplus"}), HasSubstr("unexpected argument"));
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
  EXPECT_THAT(ErrorOf({"lookup", "x"}, {{"DISPATCHCTL_TIMEOUT", "5"}}), HasSubstr("DISPATCHCTL_TIMEOUT"));
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
  EXPECT_THAT(ErrorOf({"lookup", "x", "--tls", "--plaintext"}), HasSubstr("exclude each other"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--cacert", "ca", "--plaintext"}), HasSubstr("exclude each other"));
  EXPECT_THAT(ErrorOf({"lookup", "x"}, {{"DISPATCHCTL_TLS", "1"}, {"DISPATCHCTL_PLAINTEXT", "1"}}),
              HasSubstr("exclude each other"));
}

TEST(CommandLine, UnknownThingsAreNamedWithTheNearest) {
  EXPECT_EQ(ErrorOf({"lookup", "x", "--servr", "h:1"}),
            "unknown option '--servr' | did you mean '--server'?");
  EXPECT_EQ(ErrorOf({"lookup", "x", "--paralel=3"}),
            "unknown option '--paralel' | did you mean '--parallel'?");
  EXPECT_EQ(ErrorOf({"lookup", "x", "-z"}), "unknown option '-z' | see 'dispatchctl lookup --help'");
  EXPECT_EQ(ErrorOf({"lokup", "x"}), "unknown command 'lokup' | did you mean 'lookup'?");
  EXPECT_EQ(ErrorOf({"frobnicate"}), "unknown command 'frobnicate' | see 'dispatchctl --help'");
  EXPECT_EQ(ErrorOf({"assign", "-f", "x", "y"}), "unexpected argument 'y' | read from a file with -f 'y'");
}

TEST(CommandLine, NoAbbreviations) {
  EXPECT_THAT(ErrorOf({"look", "x"}), HasSubstr("unknown command"));
  EXPECT_THAT(ErrorOf({"lookup", "--serv", "h:1", "x"}), HasSubstr("unknown option"));
}

TEST(CommandLine, MissingAndBadValues) {
  EXPECT_THAT(ErrorOf({"assign", "-f", "x", "--in", "xml"}), HasSubstr("expected auto, ndjson or csv"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--server"}), HasSubstr("--server needs a value"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--server="}), HasSubstr("--server needs a value"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--timeout", "5"}), HasSubstr("needs a unit"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--timeout", "0s"}), HasSubstr("more than zero"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--connect-timeout", "99ms"}), HasSubstr("at least 100ms"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--keepalive", "9s"}), HasSubstr("at least 10000ms"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "-o", "yaml"}),
              HasSubstr("'yaml' for -o/--output: expected auto, table, json, ndjson or csv"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--parallel", "0"}), HasSubstr("from 1 to 65536"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--parallel", "4x"}), HasSubstr("from 1 to 65536"));
  EXPECT_THAT(ErrorOf({"lookup", "x", "--tls=perhaps"}), HasSubstr("--tls"));
}

TEST(CommandLine, OutputFormatIsKnownDespiteTheError) {
  const ParsedCommandLine parsed = Parse({"lookup", "--bogus", "-o", "json", "--error-format", "text"});
  ASSERT_TRUE(parsed.error.has_value());
  EXPECT_EQ(parsed.line.global.output, OutputFormat::kJson);
  EXPECT_EQ(parsed.line.global.error_format, ErrorFormat::kText);
  EXPECT_EQ(parsed.line.command, Command::kLookup);
}

TEST(CommandLine, ControlCharactersAreNotRepeatedRaw) {
  EXPECT_THAT(ErrorOf({"lookup", "--bo\x1bgus"}), Not(HasSubstr("\x1b")));
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
