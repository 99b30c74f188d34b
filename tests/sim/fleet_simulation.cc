// What outages, brown-outs and deploys do to a fleet of clients and endpoints, in virtual time.

#include <fmt/format.h>
#include <fmt/os.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "fleet.h"
#include "reconnects.h"

namespace {

using namespace dispatchctl::sim;

using Milliseconds = std::chrono::duration<double, std::milli>;

std::string RecoveryOf(const Report& report) {
  return report.recovery ? fmt::format("{} s", report.recovery->count()) : "never";
}

void PrintFaults(const std::vector<FleetRun>& runs, std::optional<fmt::ostream>& csv) {
  fmt::print(
      "| scenario | variant | attempts per call | in the fault | busiest second | served in the fault | "
      "after it | recovery | worst 1 % of clients | median, 99th percentile | load: max/mean, Jain |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const FleetRun& run : runs) {
    const Report report = Simulate(run.options, run.scenario, run.variant);
    fmt::print(
        "| {} | {} | {:.2f} | {:.2f} | {:.2f} x | {:.1f} % | {:.1f} % | {} | {:.1f} % | {:.0f} ms, {:.0f} ms "
        "| "
        "{:.2f}, {:.3f} |\n",
        run.scenario.name, run.variant.name, report.amplification, report.fault_amplification,
        std::max(report.peak_in_fault, report.peak_after_fault), 100 * report.fault_success,
        100 * report.after_success, RecoveryOf(report), 100 * report.client_p1_success,
        Milliseconds(report.median_latency).count(), Milliseconds(report.p99_latency).count(),
        report.load_max_over_mean, report.load_jain);
    std::fflush(stdout);
    if (!csv) continue;
    const auto fault_start = static_cast<std::size_t>(run.options.before.count());
    const auto fault_end = fault_start + static_cast<std::size_t>(run.options.fault.count());
    for (std::size_t i = 0; i < report.seconds.size(); ++i) {
      const Second& second = report.seconds[i];
      csv->print("{},{},{},{},{},{},{}\n", run.scenario.name, run.variant.name, i,
                 i >= fault_start && i < fault_end ? 1 : 0, second.calls, second.successes, second.attempts);
    }
  }
}

void PrintSubsets(const std::vector<FleetRun>& runs) {
  fmt::print(
      "\n| clients | connections | calls a second of a client to an endpoint | attempts per call in the "
      "fault "
      "| served in the fault | worst 1 % of clients | load: max/mean, Jain "
      "|\n|---|---|---|---|---|---|---|\n");
  for (const FleetRun& run : runs) {
    const Report report = Simulate(run.options, run.scenario, run.variant);
    const std::size_t each =
        run.options.endpoints_per_client == 0 ? run.options.endpoints : run.options.endpoints_per_client;
    fmt::print("| {} | {} | {:.3f} | {:.2f} | {:.1f} % | {:.1f} % | {:.2f}, {:.3f} |\n", run.clients,
               run.options.clients * each, run.options.calls_per_second / static_cast<double>(each),
               report.fault_amplification, 100 * report.fault_success, 100 * report.client_p1_success,
               report.load_max_over_mean, report.load_jain);
    std::fflush(stdout);
  }
}

void PrintBalancers(const std::vector<FleetRun>& runs) {
  fmt::print(
      "\n| clients | balancer | attempts per call | served | worst 1 % of clients | median, 99th percentile "
      "| "
      "load over capacity: max/mean, Jain |\n|---|---|---|---|---|---|---|\n");
  for (const FleetRun& run : runs) {
    const Report report = Simulate(run.options, run.scenario, run.variant);
    fmt::print("| {} | {} | {:.2f} | {:.1f} % | {:.1f} % | {:.0f} ms, {:.0f} ms | {:.2f}, {:.3f} |\n",
               run.clients, run.variant.name, report.fault_amplification, 100 * report.fault_success,
               100 * report.client_p1_success, Milliseconds(report.median_latency).count(),
               Milliseconds(report.p99_latency).count(), report.load_max_over_mean, report.load_jain);
    std::fflush(stdout);
  }
}

void PrintReconnects(const FleetSize& size, std::optional<fmt::ostream>& csv) {
  fmt::print(
      "\n| lost for | what | attempts per client | in the first 10 ms | busiest 10 ms after | busiest second "
      "after | all back |\n|---|---|---|---|---|---|---|\n");
  for (const std::chrono::milliseconds away :
       {std::chrono::milliseconds(100), std::chrono::milliseconds(5000), std::chrono::milliseconds(60000)}) {
    const Loss loss{size.clients, away, size.seed};
    const std::pair<const char*, Reconnects> cases[] = {
        {"connects of gRPC alone", ReconnectChannels(loss, /*spread=*/false)},
        {"connects", ReconnectChannels(loss, /*spread=*/true)},
        {"streams opened", ReopenStreams(loss)}};
    for (const auto& [what, reconnects] : cases) {
      fmt::print("| {:.1f} s | {} | {:.1f} | {} | {} | {} | {:.2f} s |\n",
                 std::chrono::duration<double>(away).count(), what,
                 static_cast<double>(reconnects.total) / static_cast<double>(size.clients),
                 reconnects.at_once, reconnects.busiest_slot, reconnects.busiest_second,
                 std::chrono::duration<double>(reconnects.all_back).count());
      if (!csv) continue;
      for (std::size_t i = 0; i < reconnects.attempts.size(); ++i)
        csv->print("{},{},{},{}\n", away.count(), what, i * Reconnects::kSlot.count(),
                   reconnects.attempts[i]);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  FleetSize size;
  std::string only;
  std::string csv_file;
  std::string reconnects_file;
  CLI::App app("Simulates a fleet of clients and endpoints through faults and deploys, in virtual time.");
  app.add_option("--clients", size.clients, "How many clients")
      ->check(CLI::Range(100, 1000000))
      ->capture_default_str();
  app.add_option("--endpoints", size.endpoints, "How many endpoints the service has")
      ->check(CLI::Range(25, 100000))
      ->capture_default_str();
  app.add_option("--seed", size.seed, "The same seed gives the same run")->capture_default_str();
  std::set<std::string> parts{"subsets", "balancers", "reconnects"};
  for (const FleetRun& run : FaultRuns(size)) parts.insert(run.scenario.name);
  app.add_option("--only", only, "Only one fault, or what is said of one subject")
      ->check(CLI::IsMember(parts));
  app.add_option("--csv", csv_file, "Write each second of each run with a fault to this file");
  app.add_option("--reconnects-csv", reconnects_file, "Write each 10 ms of each reconnecting to this file");
  CLI11_PARSE(app, argc, argv);

  std::string writing = csv_file;
  try {
    std::optional<fmt::ostream> csv;
    if (!csv_file.empty()) {
      csv.emplace(fmt::output_file(csv_file));
      csv->print("scenario,variant,second,fault,calls,successes,attempts\n");
    }
    writing = reconnects_file;
    std::optional<fmt::ostream> reconnects_csv;
    if (!reconnects_file.empty()) {
      reconnects_csv.emplace(fmt::output_file(reconnects_file));
      reconnects_csv->print("away,what,millisecond,attempts\n");
    }
    writing = csv_file;
    fmt::print("{} clients, {} endpoints; seed {}\n\n", size.clients, size.endpoints, size.seed);
    std::vector<FleetRun> faults = FaultRuns(size);
    if (!only.empty()) std::erase_if(faults, [&](const FleetRun& run) { return run.scenario.name != only; });
    const auto wanted = [&](const char* part) { return only.empty() || only == part; };
    if (!faults.empty()) PrintFaults(faults, csv);
    if (wanted("subsets")) PrintSubsets(SubsetRuns(size));
    if (wanted("balancers")) PrintBalancers(BalancerRuns(size));
    writing = reconnects_file;
    if (wanted("reconnects")) PrintReconnects(size, reconnects_csv);
  } catch (const std::system_error& error) {
    fmt::print(stderr, "fleet_simulation: cannot write {}: {}\n", writing, error.code().message());
    return 1;
  }
  return 0;
}
