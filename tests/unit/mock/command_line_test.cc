#include "mock-server/main/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace dispatchctl::mock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

std::variant<ServeCommand, CheckCommand, CtlCommand, ExitNow> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "dispatch-mock");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

ServeCommand Serve(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "serve");
  std::variant<ServeCommand, CheckCommand, CtlCommand, ExitNow> result = Parse(std::move(arguments));
  EXPECT_TRUE(std::holds_alternative<ServeCommand>(result));
  return std::holds_alternative<ServeCommand>(result) ? std::get<ServeCommand>(result) : ServeCommand();
}

TEST(CommandLine, HasDocumentedDefaults) {
  const ServeCommand command = Serve({});
  EXPECT_THAT(command.server.listen, ElementsAre("127.0.0.1:50051"));
  EXPECT_EQ(command.server.seed, 1U);
  EXPECT_EQ(command.server.latency, milliseconds(0));
  EXPECT_EQ(command.server.keepalive_min, seconds(10));
  EXPECT_EQ(command.server.max_connection_age, seconds(0));
  EXPECT_EQ(command.server.max_concurrent_streams, 0);
  EXPECT_TRUE(command.server.reflection);
  EXPECT_EQ(command.grace, seconds(5));
  EXPECT_EQ(command.log_format, LogFormat::kText);
}

TEST(CommandLine, ReadsEveryFlag) {
  const ServeCommand command = Serve({"--listen",
                                      "127.0.0.1:0",
                                      "--listen",
                                      "unix:/tmp/s",
                                      "--couriers",
                                      "c.csv",
                                      "--accept",
                                      "always",
                                      "--seed",
                                      "7",
                                      "--journal",
                                      "j.ndjson",
                                      "--latency",
                                      "5ms",
                                      "--jitter",
                                      "250us",
                                      "--fault",
                                      "hang,nth=3",
                                      "--fault",
                                      "status=UNKNOWN,message=no thanks",
                                      "--scenario",
                                      "s.txt",
                                      "--grace",
                                      "1s",
                                      "--max-connection-age",
                                      "30s",
                                      "--max-concurrent-streams",
                                      "3",
                                      "--keepalive-min",
                                      "20s",
                                      "--reflection",
                                      "off",
                                      "--log-format",
                                      "json",
                                      "--log-calls",
                                      "failed",
                                      "--metrics",
                                      "127.0.0.1:0",
                                      "--ready-file",
                                      "r"});
  EXPECT_THAT(command.server.listen, ElementsAre("127.0.0.1:0", "unix:/tmp/s"));
  EXPECT_EQ(command.couriers_path, "c.csv");
  EXPECT_TRUE(command.server.accept.Accepts(1, "a", nullptr));
  EXPECT_EQ(command.server.seed, 7U);
  EXPECT_EQ(command.server.journal_path, "j.ndjson");
  EXPECT_EQ(command.server.latency, milliseconds(5));
  EXPECT_EQ(command.server.jitter, std::chrono::microseconds(250));
  EXPECT_THAT(command.server.faults, ElementsAre("hang,nth=3", "status=UNKNOWN,message=no thanks"));
  EXPECT_EQ(command.scenario_path, "s.txt");
  EXPECT_EQ(command.grace, seconds(1));
  EXPECT_EQ(command.server.max_connection_age, seconds(30));
  EXPECT_EQ(command.server.max_concurrent_streams, 3);
  EXPECT_EQ(command.server.keepalive_min, seconds(20));
  EXPECT_FALSE(command.server.reflection);
  EXPECT_EQ(command.log_format, LogFormat::kJson);
  EXPECT_EQ(command.log_calls, LoggedCalls::kFailed);
  EXPECT_EQ(command.metrics, "127.0.0.1:0");
  EXPECT_EQ(command.ready_file, "r");
}

TEST(CommandLine, ChecksFiles) {
  const auto result = Parse({"check", "a.csv", "b"});
  ASSERT_TRUE(std::holds_alternative<CheckCommand>(result));
  EXPECT_THAT(std::get<CheckCommand>(result).paths, ElementsAre("a.csv", "b"));
}

struct BadCase {
  std::vector<const char*> arguments;
  const char* named;
};

class BadCommandLine : public testing::TestWithParam<BadCase> {};

TEST_P(BadCommandLine, ExitsWith2AndNamesTheFlag) {
  testing::internal::CaptureStderr();
  const std::variant<ServeCommand, CheckCommand, CtlCommand, ExitNow> result = Parse(GetParam().arguments);
  const std::string text = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(std::holds_alternative<ExitNow>(result));
  EXPECT_EQ(std::get<ExitNow>(result).code, 2);
  EXPECT_THAT(text, HasSubstr(GetParam().named));
}

INSTANTIATE_TEST_SUITE_P(
    Flags, BadCommandLine,
    testing::Values(BadCase{{}, "ubcommand"}, BadCase{{"serv"}, "serv"},
                    BadCase{{"serve", "--nonesuch"}, "--nonesuch"}, BadCase{{"serve", "extra"}, "extra"},
                    BadCase{{"check"}, "FILE"},
                    BadCase{{"serve", "--latency", "5"}, "--latency: '5' has no unit"},
                    BadCase{{"serve", "--grace", "x"}, "--grace"},
                    BadCase{{"serve", "--accept", "maybe"}, "--accept"},
                    BadCase{{"serve", "--seed", "-1"}, "--seed"}, BadCase{{"serve", "--seed", "x"}, "--seed"},
                    BadCase{{"serve", "--fault", "hangs"}, "--fault: fault 'hangs': 'hangs' is not a fault"},
                    BadCase{{"serve", "--fault", ""}, "--fault: fault ''"},
                    BadCase{{"serve", "--listen", "50051"}, "--listen: '50051' has no port"},
                    BadCase{{"serve", "--listen", "h:70000"}, "--listen"},
                    BadCase{{"serve", "--reflection", "maybe"}, "--reflection"},
                    BadCase{{"serve", "--log-format", "xml"}, "--log-format"},
                    BadCase{{"serve", "--log-calls", "some"}, "--log-calls"},
                    BadCase{{"serve", "--metrics", "9090"}, "--metrics: '9090' has no port"},
                    BadCase{{"serve", "--metrics", "unix:/m"}, "--metrics: metrics are served at host:port"},
                    BadCase{{"serve", "--max-concurrent-streams", "0"}, "--max-concurrent-streams"}));

class HelpCommandLine : public testing::TestWithParam<BadCase> {};

TEST_P(HelpCommandLine, GoesToStdoutWith0) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const std::variant<ServeCommand, CheckCommand, CtlCommand, ExitNow> result = Parse(GetParam().arguments);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr(GetParam().named));
  ASSERT_TRUE(std::holds_alternative<ExitNow>(result));
  EXPECT_EQ(std::get<ExitNow>(result).code, 0);
}

INSTANTIATE_TEST_SUITE_P(Flags, HelpCommandLine,
                         testing::Values(BadCase{{"--help"}, "serve"},
                                         BadCase{{"--version"}, "dispatch-mock "},
                                         BadCase{{"serve", "--help"}, "--journal"},
                                         BadCase{{"check", "--help"}, "FILE"}));

TEST(CommandLine, RecordsAndHasSessionsWithAnAdminService) {
  const ServeCommand without = Serve({});
  EXPECT_EQ(without.server.admin, "");
  EXPECT_EQ(without.server.record_bytes, 0U);
  EXPECT_EQ(without.server.max_sessions, 0U);
  EXPECT_FALSE(without.server.metadata_faults);
  EXPECT_FALSE(without.server.connection_faults);
  const ServeCommand with = Serve({"--admin", "127.0.0.1:0"});
  EXPECT_EQ(with.server.admin, "127.0.0.1:0");
  EXPECT_EQ(with.server.record_bytes, 16U << 20U);
  EXPECT_EQ(with.server.max_sessions, 64U);
  const ServeCommand other = Serve({"--admin", "unix:/tmp/a", "--record-bytes", "1MiB", "--max-sessions", "2",
                                    "--allow-metadata-faults", "--connection-faults"});
  EXPECT_EQ(other.server.record_bytes, 1U << 20U);
  EXPECT_EQ(other.server.max_sessions, 2U);
  EXPECT_TRUE(other.server.metadata_faults);
  EXPECT_TRUE(other.server.connection_faults);
  EXPECT_EQ(Serve({"--admin", "h:1", "--record-bytes", "0"}).server.record_bytes, 0U);
}

CtlCommand Ctl(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ctl");
  std::variant<ServeCommand, CheckCommand, CtlCommand, ExitNow> result = Parse(std::move(arguments));
  EXPECT_TRUE(std::holds_alternative<CtlCommand>(result));
  return std::holds_alternative<CtlCommand>(result) ? std::get<CtlCommand>(result) : CtlCommand();
}

TEST(CtlCommandLine, ReadsWhatIsAskedFor) {
  const CtlCommand faults = Ctl({"faults", "--admin", "h:1", "--session", "s", "--set", "hang,first=1",
                                 "--set", "latency=1ms", "-o", "json"});
  EXPECT_EQ(faults.action, CtlAction::kFaults);
  EXPECT_EQ(faults.admin, "h:1");
  EXPECT_EQ(faults.session, "s");
  EXPECT_TRUE(faults.json);
  EXPECT_EQ(faults.timeout, seconds(5));
  EXPECT_THAT(faults.set, ElementsAre("hang,first=1", "latency=1ms"));
  const CtlCommand verify = Ctl({"--admin", "unix:/s", "verify", "lookup,count=1", "update", "--in-order",
                                 "--nothing-else", "--timeout", "1s"});
  EXPECT_EQ(verify.action, CtlAction::kVerify);
  EXPECT_THAT(verify.expectations, ElementsAre("lookup,count=1", "update"));
  EXPECT_TRUE(verify.in_order);
  EXPECT_TRUE(verify.nothing_else);
  EXPECT_EQ(verify.timeout, seconds(1));
  const CtlCommand health = Ctl({"health", "--admin", "h:1", "--set", "not-serving", "--service", "s"});
  EXPECT_EQ(health.serving, false);
  EXPECT_THAT(health.services, ElementsAre("s"));
  EXPECT_EQ(Ctl({"goaway", "--admin", "h:1", "--listen", "2"}).listen, 2U);
  EXPECT_TRUE(Ctl({"reset", "--admin", "h:1", "--all"}).all);
  EXPECT_EQ(Ctl({"scenario", "--admin", "h:1", "f.play"}).scenario_path, "f.play");
  EXPECT_TRUE(Ctl({"scenario", "--admin", "h:1", "--clear"}).clear);
  EXPECT_EQ(Ctl({"calls", "--admin", "h:1"}).action, CtlAction::kCalls);
  EXPECT_EQ(Ctl({"stop", "--admin", "h:1"}).action, CtlAction::kStop);
}

INSTANTIATE_TEST_SUITE_P(
    CtlFlags, BadCommandLine,
    testing::Values(BadCase{{"ctl", "--admin", "h:1"}, "subcommand"},
                    BadCase{{"ctl", "calls"}, "--admin is required"},
                    BadCase{{"ctl", "calls", "--admin", "1"}, "--admin: '1' has no port"},
                    BadCase{{"ctl", "faults", "--admin", "h:1", "--add", "hangs"}, "--add: fault 'hangs'"},
                    BadCase{{"ctl", "faults", "--admin", "h:1", "--clear", "--set", "hang"}, "--set"},
                    BadCase{{"ctl", "verify", "--admin", "h:1", "all"},
                            "expectation 'all': 'all' is nothing to"},
                    BadCase{{"ctl", "health", "--admin", "h:1", "--set", "up"}, "--set"},
                    BadCase{{"ctl", "scenario", "--admin", "h:1"}, "FILE or --clear"},
                    BadCase{{"ctl", "calls", "--admin", "h:1", "-o", "yaml"}, "--output"},
                    BadCase{{"serve", "--admin", "here"}, "--admin"},
                    BadCase{{"serve", "--record-bytes", "much"}, "--record-bytes"},
                    BadCase{{"serve", "--max-sessions", "-1"}, "--max-sessions"}));

}  // namespace
}  // namespace dispatchctl::mock
