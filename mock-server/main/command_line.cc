#include "mock-server/main/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "mock-server/domain/acceptance_rule.h"
#include "mock-server/domain/duration.h"
#include "mock-server/faults/fault_rule.h"
#include "mock-server/main/exit_code.h"
#include "mock-server/server/listen_address.h"

namespace dispatchctl::mock {
namespace {

// Where there is an admin service to ask for them.
constexpr std::size_t kRecordBytes = std::size_t{16} * 1024 * 1024;
constexpr std::size_t kMaxSessions = 64;

// "--flag TYPE", with the default after the description.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(32); }

  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? std::string() : " " + option->get_type_name();
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string& shown_default = option->get_default_str();
    return option->get_description() + (shown_default.empty() ? "" : " (default: " + shown_default + ")");
  }
};

// Checks without adding what it allows to the option's type in the help.
CLI::Validator OneOf(std::set<std::string> allowed) {
  return {[is_member = CLI::IsMember(std::move(allowed))](std::string& text) { return is_member(text); }, ""};
}

// CLI11 wants an empty string for success; it puts the flag's name in front of any other.
template <typename T>
std::string Complaint(const absl::StatusOr<T>& result) {
  return result.ok() ? std::string() : std::string(result.status().message());
}

// The option's value is parsed when the command line is; `assign` gets the result.
template <typename Parse, typename Assign>
CLI::Option* AddParsed(CLI::App& app, const std::string& name, const std::string& help,
                       const std::string& type, const std::string& shown_default, Parse parse,
                       Assign assign) {
  return app
      .add_option_function<std::string>(
          name,
          [parse, assign](const std::string& text) {
            if (auto value = parse(text); value.ok()) assign(*std::move(value));
          },
          help)
      ->check(CLI::Validator([parse](std::string& text) { return Complaint(parse(text)); }, ""))
      ->type_name(type)
      ->default_str(shown_default);
}

absl::StatusOr<std::uint64_t> ParseSeed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error == std::errc() && end == text.data() + text.size()) return seed;
  return absl::InvalidArgumentError(fmt::format("'{}' is not a number from 0 to 2^64-1", text));
}

std::string MetricsComplaint(const std::string& text) {
  const absl::StatusOr<ListenAddress> address = ListenAddress::Parse(text);
  if (address.ok() && address->is_unix()) return "metrics are served at host:port, not at a Unix socket";
  return Complaint(address);
}

template <typename Duration>
CLI::Option* AddDuration(CLI::App& app, const std::string& name, const std::string& help,
                         const std::string& shown_default, Duration& target) {
  return AddParsed(app, name, help, "DURATION", shown_default, ParseDuration,
                   [&target](std::chrono::microseconds value) {
                     // Rounded up: a duration that was asked for never becomes none.
                     target = std::chrono::ceil<Duration>(value);
                   });
}

void AddServeOptions(CLI::App& serve, ServeCommand& command) {
  MockServerOptions& server = command.server;
  serve
      .add_option("--listen", server.listen,
                  "Address to listen on: host:port (port 0: any free one) or unix:PATH.\n"
                  "Repeat it for several backends in one process")
      ->type_name("ADDR")
      ->allow_extra_args(false)
      ->check(CLI::Validator([](std::string& text) { return Complaint(ListenAddress::Parse(text)); }, ""))
      ->default_str("127.0.0.1:50051");
  serve
      .add_option("--couriers", command.couriers_path,
                  "Couriers to serve, .json or .csv, instead of the built-in courier-1 ... courier-1000")
      ->type_name("FILE");
  AddParsed(serve, "--accept", "Which assignments to accept: available, always, never or prob=P", "RULE",
            "available", AcceptanceRule::Parse, [&server](AcceptanceRule rule) { server.accept = rule; });
  AddParsed(serve, "--seed", "Seed of all that is drawn by chance", "N", "1", ParseSeed,
            [&server](std::uint64_t seed) { server.seed = seed; });
  serve
      .add_option("--journal", server.journal_path,
                  "Append each reviewed update to this file before its result is sent")
      ->type_name("FILE");
  AddDuration(serve, "--latency", "Hold back each lookup and each result so long", "none", server.latency);
  AddDuration(serve, "--jitter", "Vary the latency by up to so much, up and down", "none", server.jitter);
  serve
      .add_option("--fault", server.faults,
                  "What is to go wrong: KIND[=ARG][,key=value...], for example\n"
                  "status=UNAVAILABLE,every=3,listen=1 (repeatable; see dispatch-mock(1))")
      ->type_name("SPEC")
      ->allow_extra_args(false)
      ->check(CLI::Validator([](std::string& text) { return Complaint(ParseFault(text)); }, ""));
  serve
      .add_option("--scenario", command.scenario_path,
                  "What is to happen to calls step by step, as this file says (see dispatch-mock(1))")
      ->type_name("FILE");
  serve.add_flag("--connection-faults", server.connection_faults,
                 "Put a relay in front of every backend, so that ctl can break connections and send GOAWAY");
  serve.add_flag("--allow-metadata-faults", server.metadata_faults,
                 "Let calls ask for faults of their own in x-mock-fault");
  serve
      .add_option("--admin", server.admin,
                  "Serve the admin service, which ctl talks to: host:port or unix:PATH.\n"
                  "It takes orders from whoever reaches it")
      ->type_name("ADDR")
      ->check(CLI::Validator([](std::string& text) { return Complaint(ListenAddress::Parse(text)); }, ""));
  serve
      .add_option("--metrics", command.metrics,
                  "Serve metrics for Prometheus by HTTP at /metrics of this address: host:port")
      ->type_name("ADDR")
      ->check(CLI::Validator([](std::string& text) { return MetricsComplaint(text); }, ""));
  serve
      .add_option("--record-bytes", server.record_bytes,
                  "How much to remember of the calls, for each session")
      ->type_name("SIZE")
      ->transform(CLI::Validator([](std::string& text) { return CLI::AsSizeValue(false)(text); }, ""))
      ->default_str("16MiB with --admin, else 0");
  serve
      .add_option("--max-sessions", server.max_sessions,
                  "How many sessions calls may name in x-mock-session; the longest unused makes room")
      ->type_name("N")
      ->check(CLI::Validator([range = CLI::Range(0, 100'000)](std::string& text) { return range(text); }, ""))
      ->default_str("64 with --admin, else 0");
  AddDuration(serve, "--grace", "Calls may go on so long after SIGTERM or SIGINT", "5s", command.grace);
  AddDuration(serve, "--max-connection-age",
              "Send clients away after this time; their calls may go on for the grace", "none",
              server.max_connection_age);
  serve
      .add_option("--max-concurrent-streams", server.max_concurrent_streams,
                  "Calls open at once on one connection")
      ->type_name("N")
      ->check(CLI::Validator(
          [range = CLI::Range(1, std::numeric_limits<int>::max())](std::string& text) { return range(text); },
          ""))
      ->default_str("no limit");
  AddDuration(serve, "--keepalive-min", "Send clients away that ping more often than this", "10s",
              server.keepalive_min);
  serve
      .add_option_function<std::string>(
          "--reflection", [&server](const std::string& text) { server.reflection = text == "on"; },
          "Serve gRPC reflection: on or off")
      ->type_name("on|off")
      ->check(OneOf({"on", "off"}))
      ->default_str("on");
  CLI::Option* certificate =
      serve
          .add_option("--tls-cert", server.tls.certificate_path,
                      "Speak TLS with this certificate chain, PEM; read again when it changes")
          ->type_name("FILE");
  CLI::Option* key = serve.add_option("--tls-key", server.tls.key_path, "The certificate's private key, PEM")
                         ->type_name("FILE")
                         ->needs(certificate);
  certificate->needs(key);
  serve
      .add_option("--client-ca", server.tls.client_ca_path,
                  "Take clients only that have a certificate from one of these authorities, PEM")
      ->type_name("FILE")
      ->needs(certificate);
  serve
      .add_option("--token-file", server.token_path,
                  "Take calls only that have one of the bearer tokens in this file, a line each:\n"
                  "TOKEN SCOPE[,SCOPE], with the scopes lookup and assign; read again when it changes")
      ->type_name("FILE");
  serve
      .add_option_function<std::string>(
          "--log-format",
          [&command](const std::string& text) {
            command.log_format = text == "json" ? LogFormat::kJson : LogFormat::kText;
          },
          "Log lines on stderr: text or json")
      ->type_name("text|json")
      ->check(OneOf({"text", "json"}))
      ->default_str("text");
  serve
      .add_option_function<std::string>(
          "--log-calls",
          [&command](const std::string& text) {
            command.log_calls = text == "all"      ? LoggedCalls::kAll
                                : text == "failed" ? LoggedCalls::kFailed
                                                   : LoggedCalls::kNone;
          },
          "Log calls when they end, with the trace they belong to: none, failed or all")
      ->type_name("CALLS")
      ->check(OneOf({"none", "failed", "all"}))
      ->default_str("none");
  serve.add_option("--ready-file", command.ready_file, "Write the ready line to this file too, atomically")
      ->type_name("PATH");
}

// What follows from the others.
void CompleteServeOptions(const CLI::App& serve, ServeCommand& command) {
  MockServerOptions& server = command.server;
  if (server.admin.empty()) return;
  if (serve.count("--record-bytes") == 0) server.record_bytes = kRecordBytes;
  if (serve.count("--max-sessions") == 0) server.max_sessions = kMaxSessions;
}

CLI::App* AddCtlAction(CLI::App& ctl, const std::string& name, const std::string& help, CtlAction action,
                       CtlCommand& command) {
  CLI::App* sub = ctl.add_subcommand(name, help);
  sub->set_help_flag("-h,--help", "Print this help and exit");
  sub->fallthrough();
  sub->callback([&command, action] { command.action = action; });
  return sub;
}

CLI::Option* AddFaultSpecs(CLI::App& app, const std::string& name, const std::string& help,
                           std::vector<std::string>& specs) {
  return app.add_option(name, specs, help)
      ->type_name("SPEC")
      ->allow_extra_args(false)
      ->check(CLI::Validator([](std::string& text) { return Complaint(ParseFault(text)); }, ""));
}

void AddCtlOptions(CLI::App& ctl, CtlCommand& command) {
  ctl.add_option("--admin", command.admin, "Where the server's admin service is: host:port or unix:PATH")
      ->type_name("ADDR")
      ->required()
      ->check(CLI::Validator([](std::string& text) { return Complaint(ListenAddress::Parse(text)); }, ""));
  ctl.add_option("--session", command.session, "The session meant, as calls name it in x-mock-session")
      ->type_name("NAME")
      ->default_str("calls that name none");
  ctl.add_option_function<std::string>(
         "-o,--output", [&command](const std::string& text) { command.json = text == "json"; },
         "text or json")
      ->type_name("text|json")
      ->check(OneOf({"text", "json"}))
      ->default_str("text");
  AddDuration(ctl, "--timeout", "Give up after this time", "5s", command.timeout);

  CLI::App* reset =
      AddCtlAction(ctl, "reset", "Back to what was there at the start; forget decisions and calls",
                   CtlAction::kReset, command);
  reset->add_flag("--all", command.all, "Every session; named ones are no more then");

  CLI::App* faults = AddCtlAction(ctl, "faults", "List the faults with their counts, or change them",
                                  CtlAction::kFaults, command);
  CLI::Option* set =
      AddFaultSpecs(*faults, "--set", "Have this fault instead of all others (repeatable)", command.set);
  AddFaultSpecs(*faults, "--add", "Have this fault too (repeatable)", command.add);
  faults->add_flag("--clear", command.clear, "Have none")->excludes(set);

  CLI::App* scenario =
      AddCtlAction(ctl, "scenario", "Have these scenarios instead of others", CtlAction::kScenario, command);
  CLI::Option* path =
      scenario->add_option("FILE", command.scenario_path, "As for serve --scenario")->type_name("");
  scenario->add_flag("--clear", command.clear, "Have none")->excludes(path);

  AddCtlAction(ctl, "calls", "List the calls with all their messages", CtlAction::kCalls, command);

  CLI::App* verify =
      AddCtlAction(ctl, "verify", "Compare the calls with what was expected; exit 7 if it differs",
                   CtlAction::kVerify, command);
  verify
      ->add_option("EXPECTATION", command.expectations,
                   "lookup|assign|update[,key=value...], for example lookup,courier_id=courier-4*,count=2")
      ->type_name("")
      ->check(CLI::Validator([](std::string& text) { return Complaint(ParseExpectation(text)); }, ""));
  verify->add_flag("--in-order", command.in_order, "What is expected came in this order");
  verify->add_flag("--nothing-else", command.nothing_else, "Nothing came that is not expected");

  CLI::App* health = AddCtlAction(ctl, "health", "List what health checks are told, or change it",
                                  CtlAction::kHealth, command);
  health
      ->add_option_function<std::string>(
          "--set", [&command](const std::string& text) { command.serving = text == "serving"; },
          "serving or not-serving")
      ->type_name("STATUS")
      ->check(OneOf({"serving", "not-serving"}));
  health->add_option("--service", command.services, "Of this service only (repeatable)")
      ->type_name("NAME")
      ->allow_extra_args(false);

  CLI::App* goaway =
      AddCtlAction(ctl, "goaway", "Send the clients of open connections away", CtlAction::kGoaway, command);
  goaway->add_option("--listen", command.listen, "Those of one backend only, from 0")->type_name("INDEX");

  AddCtlAction(ctl, "stop", "End the server as SIGTERM does", CtlAction::kStop, command);
}

}  // namespace

std::variant<ServeCommand, CheckCommand, CtlCommand, ExitNow> ParseCommandLine(int argc,
                                                                               const char* const* argv) {
  CLI::App app("A mock of the gRPC Dispatch service.", "dispatch-mock");
  app.set_version_flag("--version", fmt::format("dispatch-mock {}", DISPATCHCTL_VERSION),
                       "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());

  ServeCommand command;
  command.server.listen = {"127.0.0.1:50051"};
  CLI::App* serve = app.add_subcommand("serve", "Serve until SIGTERM or SIGINT");
  serve->set_help_flag("-h,--help", "Print this help and exit");
  AddServeOptions(*serve, command);

  CheckCommand check_command;
  CLI::App* check =
      app.add_subcommand("check", "Check files without serving: couriers (.json, .csv), else scenarios");
  check->set_help_flag("-h,--help", "Print this help and exit");
  check->add_option("FILE", check_command.paths, "File to check (repeatable)")->type_name("")->required();

  CtlCommand ctl_command;
  CLI::App* ctl = app.add_subcommand("ctl", "Ask or tell a running server, over its admin service");
  ctl->set_help_flag("-h,--help", "Print this help and exit");
  ctl->require_subcommand(1);
  AddCtlOptions(*ctl, ctl_command);

  try {
    app.parse(argc, argv);
    if (ctl->parsed() && ctl_command.action == CtlAction::kScenario && !ctl_command.clear &&
        ctl_command.scenario_path.empty()) {
      throw CLI::RequiredError("FILE or --clear");
    }
  } catch (const CLI::Success& success) {
    return ExitNow{app.exit(success, std::cout, std::cerr)};
  } catch (const CLI::ParseError& error) {
    std::cerr << "dispatch-mock: " << error.what() << "\nTry 'dispatch-mock "
              << (check->parsed() ? "check"
                  : ctl->parsed() ? "ctl"
                                  : "serve")
              << " --help'.\n";
    return ExitNow{kUsageError};
  }
  if (check->parsed()) return check_command;
  if (ctl->parsed()) return ctl_command;
  CompleteServeOptions(*serve, command);
  return command;
}

}  // namespace dispatchctl::mock
