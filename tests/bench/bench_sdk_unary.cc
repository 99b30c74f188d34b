// The same unary lookups as bench_raw_unary, through the client library with everything it does by default:
// deadline, retries, budget, breaker, balancer, report.
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "bench_support.h"
#include "dispatchctl/client.h"

namespace {

using dispatchctl::CallOptions;
using dispatchctl::CallReport;
using dispatchctl::Client;
using dispatchctl::ClientOptions;
using dispatchctl::CourierStatus;

struct Outcome {
  std::vector<std::int64_t> latencies;
  std::size_t failed = 0;
};

// Made beforehand: the stub's client finds them made as well.
class Ids {
 public:
  Ids() {
    for (int i = 1; i <= 1000; ++i) ids_.push_back("courier-" + std::to_string(i));
  }
  const std::string& operator[](std::size_t index) const { return ids_[index % ids_.size()]; }

 private:
  std::vector<std::string> ids_;
};

Outcome RunBlocking(const Client& client, std::size_t count) {
  Outcome outcome;
  outcome.latencies.reserve(count);
  const Ids ids;
  CallReport report;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t started = dispatchctl_bench::NowNanoseconds();
    if (!client.GetCourierStatus(ids[i], {}, &report).ok()) ++outcome.failed;
    outcome.latencies.push_back(dispatchctl_bench::NowNanoseconds() - started);
  }
  return outcome;
}

// Each answer starts the next lookup, on the client's own thread.
class Async {
 public:
  Async(const Client& client, std::size_t count) : client_(client), count_(count) {
    outcome_.latencies.reserve(count);
  }

  Outcome Run(std::size_t in_flight) {
    // From inside a callback, so that only the client's own thread ever counts.
    client_.GetCourierStatusAsync(ids_[0], {}, [this, in_flight](const auto&, const CallReport&) {
      for (std::size_t i = 0; i < std::min(in_flight, count_); ++i) Start();
    });
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [&] { return done_; });
    return std::move(outcome_);
  }

 private:
  void Start() {
    const std::int64_t started = dispatchctl_bench::NowNanoseconds();
    client_.GetCourierStatusAsync(ids_[sent_++], {}, [this, started](const auto& status, const CallReport&) {
      outcome_.latencies.push_back(dispatchctl_bench::NowNanoseconds() - started);
      if (!status.ok()) ++outcome_.failed;
      if (sent_ < count_) Start();
      if (outcome_.latencies.size() < count_) return;
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
      ended_.notify_all();
    });
  }

  const Client& client_;
  const std::size_t count_;
  const Ids ids_;
  std::size_t sent_ = 0;
  Outcome outcome_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  const dispatchctl_bench::CommandLine arguments(
      argc, argv, "bench_sdk_unary TARGET [--count N] [--in-flight N] [--blocking]", {"--blocking"});
  if (arguments.Positional().size() != 1) arguments.Fail();
  const std::size_t count = arguments.Number("--count", 100'000);
  const std::size_t in_flight = arguments.Number("--in-flight", 64);
  const bool blocking = arguments.Has("--blocking");
  if (in_flight == 0) arguments.Fail();

  ClientOptions options;
  options.target = arguments.Positional()[0];
  auto client = Client::Create(std::move(options));
  // Connecting is not part of a rate.
  if (!client.ok() || !client->GetCourierStatus("courier-1").ok()) {
    std::fprintf(stderr, "bench_sdk_unary: no connection to %s\n", arguments.Positional()[0].c_str());
    return 5;
  }
  const double cpu_before = dispatchctl_bench::CpuSeconds();
  const std::int64_t started = dispatchctl_bench::NowNanoseconds();
  Outcome outcome = blocking ? RunBlocking(*client, count) : Async(*client, count).Run(in_flight);
  const double seconds = static_cast<double>(dispatchctl_bench::NowNanoseconds() - started) * 1e-9;
  const double cpu = dispatchctl_bench::CpuSeconds() - cpu_before;
  const auto calls = static_cast<double>(std::max<std::size_t>(count, 1));
  std::printf(R"({"mode":"%s","calls":%zu,"failed":%zu,"in_flight":%zu,"seconds":%.4f,)"
              R"("calls_per_second":%.0f,"p50_us":%.1f,"p99_us":%.1f,"cpu_us_per_call":%.2f})"
              "\n",
              blocking ? "blocking" : "async", count, outcome.failed, blocking ? 1 : in_flight, seconds,
              calls / seconds, dispatchctl_bench::PercentileMicroseconds(outcome.latencies, 0.50),
              dispatchctl_bench::PercentileMicroseconds(outcome.latencies, 0.99), cpu * 1e6 / calls);
  std::fflush(nullptr);
  _exit(outcome.failed == 0 ? 0 : 6);
}
