// What retries, budget and breaker do to a service that fails and comes back: thousands of clients in virtual
// time.

#include <fmt/format.h>
#include <fmt/os.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>

#include "simulation.h"

namespace {

bool InFault(const dispatchctl::sim::SimulationOptions& options, std::size_t second) {
  const auto at = std::chrono::seconds(second);
  return at >= options.before && at < options.before + options.fault;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace dispatchctl::sim;
  SimulationOptions options;
  std::string csv_file;
  CLI::App app("Simulates clients of a service that fails and recovers, in virtual time.");
  app.add_option("--clients", options.clients, "How many clients")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--endpoints", options.endpoints, "How many endpoints the service has")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--calls-per-second", options.calls_per_second, "Calls of each client")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "The same seed gives the same run")->capture_default_str();
  app.add_option("--csv", csv_file, "Write each second of each run to this file");
  CLI11_PARSE(app, argc, argv);

  try {
    std::optional<fmt::ostream> csv;
    if (!csv_file.empty()) {
      csv.emplace(fmt::output_file(csv_file));
      csv->print("scenario,variant,second,fault,calls,successes,attempts\n");
    }
    fmt::print("{} clients, {} endpoints, {} calls a second each; fault from second {} to {}; seed {}\n\n",
               options.clients, options.endpoints, options.calls_per_second, options.before.count(),
               (options.before + options.fault).count(), options.seed);
    fmt::print(
        "| scenario | variant | attempts per call | in the fault | calls served in the fault | "
        "busiest second in the fault | busiest second after it | recovery |\n"
        "|---|---|---|---|---|---|---|---|\n");
    for (const Scenario& scenario : {FullOutage(), BrownOut()}) {
      for (const Variant& variant : Variants()) {
        const Report report = Simulate(options, scenario, variant);
        fmt::print("| {} | {} | {:.2f} | {:.2f} | {:.1f} % | {:.2f} x | {:.2f} x | {} |\n", scenario.name,
                   variant.name, report.amplification, report.fault_amplification, 100 * report.fault_success,
                   report.peak_in_fault, report.peak_after_fault,
                   report.recovery ? fmt::format("{} s", report.recovery->count()) : "never");
        if (!csv) continue;
        for (std::size_t i = 0; i < report.seconds.size(); ++i) {
          const Second& second = report.seconds[i];
          csv->print("{},{},{},{},{},{},{}\n", scenario.name, variant.name, i, InFault(options, i) ? 1 : 0,
                     second.calls, second.successes, second.attempts);
        }
      }
    }
  } catch (const std::system_error& error) {
    fmt::print(stderr, "outage_simulation: cannot write --csv {}: {}\n", csv_file, error.code().message());
    return 1;
  }
  return 0;
}
