#include "options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace bff {
namespace {

// [host]:port, an IPv6 host in brackets.
std::optional<std::pair<std::string, int>> SplitAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(colon + 1);
  int port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (host.empty() || error != std::errc() || end != digits.data() + digits.size() || port < 0 ||
      port > 65535)
    return std::nullopt;
  return std::pair(std::string(host), port);
}

// A number with a unit, kept in milliseconds.
CLI::Option* AddDuration(CLI::App& app, const std::string& name, const std::string& help,
                         const std::string& shown_default, std::chrono::milliseconds least,
                         std::function<void(std::chrono::milliseconds)> set) {
  const std::map<std::string, std::int64_t> units = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  return app
      .add_option_function<std::int64_t>(
          name, [set = std::move(set)](const std::int64_t& value) { set(std::chrono::milliseconds(value)); },
          help)
      ->transform(
          CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::Options(CLI::AsNumberWithUnit::CASE_SENSITIVE |
                                                                      CLI::AsNumberWithUnit::UNIT_REQUIRED)))
      ->check(CLI::Range(static_cast<std::int64_t>(least.count()), std::int64_t{86'400'000}))
      ->type_name("DURATION")
      ->default_str(shown_default);
}

}  // namespace

std::optional<Options> ParseCommandLine(int argc, char** argv, int* exit_code) {
  using std::chrono::milliseconds;
  Options options;
  options.client.user_agent = "dispatch-bff";
  options.client.fallback.stale_if_error = std::chrono::minutes(5);

  CLI::App app("REST for browsers and scripts in front of the gRPC Dispatch service", "bff");
  app.add_option("-s,--server", options.client.target,
                 "The Dispatch service, e.g. dns:///dispatch.example:443")
      ->required();
  app.add_option_function<std::string>(
         "--listen",
         [&options](const std::string& text) {
           if (auto address = SplitAddress(text)) std::tie(options.host, options.port) = *std::move(address);
         },
         "Where to serve HTTP; port 0: any that is free")
      ->check(CLI::Validator(
          [](std::string& text) {
            return SplitAddress(text) ? std::string() : "expected HOST:PORT, got " + text;
          },
          ""))
      ->type_name("HOST:PORT")
      ->default_str("127.0.0.1:8080");
  app.add_option("--cacert", options.client.tls.ca_file, "Authorities of the service's certificate, PEM");
  app.add_option("--token-file", options.client.token_file, "Bearer token for the service");
  app.add_flag_callback(
      "--plaintext", [&options] { options.client.security = dispatchctl::TransportSecurity::kPlaintext; },
      "No TLS, wherever the service is");
  AddDuration(app, "--timeout", "Of lookups whose request has no Grpc-Timeout", "2s", milliseconds(1),
              [&options](milliseconds value) { options.lookup_limits.standard = value; });
  AddDuration(app, "--max-timeout", "The most that a lookup's Grpc-Timeout may ask for", "30s",
              milliseconds(1), [&options](milliseconds value) { options.lookup_limits.longest = value; });
  AddDuration(app, "--attempt-timeout", "Of each attempt of a lookup", "none", milliseconds(1),
              [&options](milliseconds value) { options.client.call_defaults.attempt_timeout = value; });
  AddDuration(app, "--stale-if-error",
              "How old a status may be that is given while the service is down; 0s: never", "5m",
              milliseconds(0), [&options](milliseconds value) {
                options.client.fallback.stale_if_error.reset();
                if (value > milliseconds::zero()) options.client.fallback.stale_if_error = value;
              });
  app.add_option("--max-connections", options.http.max_connections, "HTTP connections at once")
      ->check(CLI::Range(1, 900))
      ->capture_default_str();
  AddDuration(app, "--shutdown-delay", "Serve so long after SIGTERM, unready, for balancers to notice", "0s",
              milliseconds(0), [&options](milliseconds value) { options.shutdown_delay = value; });
  AddDuration(app, "--grace", "What is under way may go on so long after that", "5s", milliseconds(0),
              [&options](milliseconds value) { options.grace = value; });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    constexpr int kUsageError = 2;
    *exit_code = app.exit(error) == 0 ? 0 : kUsageError;
    return std::nullopt;
  }
  return options;
}

}  // namespace bff
