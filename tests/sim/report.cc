#include "report.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace dispatchctl::sim {
namespace {

constexpr double kRecoveredShare = 0.99;
constexpr std::size_t kRecoveredSeconds = 5;

double Ratio(std::uint64_t a, double b) {
  return static_cast<double>(a) / std::max(b, 1.0);
}

double Share(std::uint64_t part, std::uint64_t whole) {
  return Ratio(part, static_cast<double>(whole));
}

// The value that a share of `q` of them stays below; reorders them.
template <typename Value>
Value Quantile(std::vector<Value>& values, double q) {
  if (values.empty()) return {};
  const auto rank = static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

}  // namespace

Tally::Tally(const Period& period, std::size_t clients, std::vector<double> capacities,
             std::vector<bool> judged)
    : period_(period),
      capacities_(std::move(capacities)),
      judged_(std::move(judged)),
      seconds_(SecondOf(period.end)),
      clients_(clients),
      loads_(capacities_.size()) {}

void Tally::OnCall(std::size_t client, Time now) {
  ++seconds_[SecondOf(now)].calls;
  if (InFault(now)) ++clients_[client].calls_in_fault;
}

void Tally::OnAttempt(std::size_t client, std::size_t endpoint, bool retry, Time now) {
  ++attempts_;
  if (SecondOf(now) < seconds_.size()) ++seconds_[SecondOf(now)].attempts;
  if (InFault(now)) ++loads_[endpoint];
  if (!retry) return;
  ++clients_[client].retries;
  if (InFault(now)) ++clients_[client].retries_in_fault;
}

void Tally::OnSuccess(std::size_t client, Time started, Time now) {
  ++seconds_[SecondOf(started)].successes;
  ++clients_[client].successes;
  if (!InFault(started)) return;
  ++clients_[client].successes_in_fault;
  latencies_.push_back(now - started);
}

Report Tally::MakeReport(double token_ratio) const {
  Report report;
  report.seconds = seconds_;
  report.attempts = attempts_;
  ReportSeconds(report);
  ReportLoad(report);
  ReportClients(report, token_ratio);
  std::vector<std::chrono::nanoseconds> latencies = latencies_;
  report.median_latency = Quantile(latencies, 0.5);
  report.p99_latency = Quantile(latencies, 0.99);
  return report;
}

bool Tally::Recovered(std::size_t second) const {
  return static_cast<double>(seconds_[second].successes) >=
         kRecoveredShare * static_cast<double>(seconds_[second].calls);
}

void Tally::ReportSeconds(Report& report) const {
  const std::size_t fault_start = SecondOf(period_.fault_start);
  const std::size_t fault_end = SecondOf(period_.fault_end);
  Second before;
  Second during;
  Second after;
  std::uint64_t busiest_in_fault = 0;
  std::uint64_t busiest_after = 0;
  for (std::size_t i = 0; i < seconds_.size(); ++i) {
    const Second& second = seconds_[i];
    Second& sum = i < fault_start ? before : i < fault_end ? during : after;
    sum.calls += second.calls;
    sum.successes += second.successes;
    sum.attempts += second.attempts;
    if (i >= fault_end)
      busiest_after = std::max(busiest_after, second.attempts);
    else if (i >= fault_start)
      busiest_in_fault = std::max(busiest_in_fault, second.attempts);
  }
  report.calls = before.calls + during.calls + after.calls;
  report.amplification = Share(report.attempts, report.calls);
  report.fault_amplification = Share(during.attempts, during.calls);
  report.fault_success = Share(during.successes, during.calls);
  report.after_success = Share(after.successes, after.calls);
  report.normal_rate = Share(before.attempts, fault_start);
  report.peak_in_fault = Ratio(busiest_in_fault, report.normal_rate);
  report.peak_after_fault = Ratio(busiest_after, report.normal_rate);

  std::size_t good = 0;
  for (std::size_t i = fault_end; i < seconds_.size() && !report.recovery; ++i) {
    good = Recovered(i) ? good + 1 : 0;
    if (good == kRecoveredSeconds)
      report.recovery = std::chrono::seconds(i + 1 - kRecoveredSeconds - fault_end);
  }
}

void Tally::ReportLoad(Report& report) const {
  std::vector<double> loads;
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    if (judged_[i]) loads.push_back(static_cast<double>(loads_[i]) / capacities_[i]);
  }
  const double sum = std::accumulate(loads.begin(), loads.end(), 0.0);
  const double squares = std::inner_product(loads.begin(), loads.end(), loads.begin(), 0.0);
  if (squares == 0) return;
  const auto count = static_cast<double>(loads.size());
  report.load_max_over_mean = *std::max_element(loads.begin(), loads.end()) * count / sum;
  report.load_jain = sum * sum / (count * squares);
}

void Tally::ReportClients(Report& report, double token_ratio) const {
  std::vector<double> successes;
  report.most_unearned_retries = std::numeric_limits<double>::lowest();
  for (const OfClient& client : clients_) {
    if (client.calls_in_fault > 0)
      successes.push_back(Share(client.successes_in_fault, client.calls_in_fault));
    report.most_retries_in_fault =
        std::max<std::uint64_t>(report.most_retries_in_fault, client.retries_in_fault);
    report.most_unearned_retries =
        std::max(report.most_unearned_retries,
                 static_cast<double>(client.retries) - token_ratio * static_cast<double>(client.successes));
  }
  report.client_p1_success = Quantile(successes, 0.01);
  report.client_worst_success = Quantile(successes, 0);
}

}  // namespace dispatchctl::sim
