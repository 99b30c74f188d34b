// Lookups through servers that die, refuse, dawdle and come back: real processes, real signals.

#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "mock_process.h"
#include "service.h"

namespace dispatchctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr seconds kRecoveryPatience{30};

// Looks again until it is so, for at most kRecoveryPatience.
bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = steady_clock::now() + kRecoveryPatience;
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

using Arguments = std::vector<std::string>;

class Fleet {
 public:
  Fleet(std::initializer_list<Arguments> arguments) {
    for (const auto& one : arguments) {
      backends_.push_back(std::make_unique<MockProcess>(Arguments{}));
      if (!one.empty()) Change(backends_.size() - 1, one);
    }
  }
  explicit Fleet(std::size_t size) {
    while (backends_.size() < size) backends_.push_back(std::make_unique<MockProcess>(Arguments{}));
  }

  // Has a backend start again with other arguments.
  void Change(std::size_t index, const Arguments& arguments) {
    backends_[index]->Stop(SIGKILL);
    backends_[index]->Start(arguments);
  }

  MockProcess& operator[](std::size_t index) { return *backends_[index]; }
  std::size_t size() const { return backends_.size(); }
  Client client(ClientOptions options = {}) const {
    for (const auto& backend : backends_) {
      absl::StrAppend(&options.target, options.target.empty() ? "" : ",", backend->address());
    }
    return Service::Connect(std::move(options));
  }

 private:
  std::vector<std::unique_ptr<MockProcess>> backends_;
};

EndpointStatus StatusOf(const Client& client, const std::string& address) {
  for (EndpointStatus& endpoint : client.Endpoints()) {
    if (endpoint.address == address) return endpoint;
  }
  return {};
}

bool IsReady(const Client& client, const std::string& address) {
  return StatusOf(client, address).state == EndpointState::kReady;
}

bool AllReady(const Client& client) {
  const std::vector<EndpointStatus> endpoints = client.Endpoints();
  return std::all_of(endpoints.begin(), endpoints.end(),
                     [](const EndpointStatus& endpoint) { return endpoint.state == EndpointState::kReady; });
}

// Looks couriers up without a pause, `in_flight` at a time, until it is stopped.
class Load {
 public:
  Load(const Client& client, std::size_t in_flight, CallOptions call = {}) {
    BulkLookupOptions options;
    options.max_in_flight = in_flight;
    options.ordered = false;
    options.call = std::move(call);
    options.on_result = [this](LookupItem&& item) { Count(item); };
    auto lookup = client.StartBulkLookup(std::move(options));
    EXPECT_TRUE(lookup.ok()) << lookup.status();
    lookup_ = *std::move(lookup);
    feeder_ = std::thread([this] {
      for (std::uint64_t i = 0; !stopped_.load(); ++i) {
        if (!lookup_->Submit(absl::StrCat("courier-", 1 + i % 1000), i).ok()) return;
      }
    });
  }
  ~Load() { Stop(); }

  void Stop() {
    stopped_ = true;
    if (!feeder_.joinable()) return;
    feeder_.join();
    lookup_->Finish();
  }

  std::uint64_t calls() const { return calls_; }
  std::uint64_t attempts() const { return attempts_; }
  std::uint64_t failures() const { return failures_; }
  std::string first_failure() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return first_failure_;
  }

 private:
  void Count(const LookupItem& item) {
    ++calls_;
    attempts_ += static_cast<std::uint64_t>(item.report.attempts);
    if (item.status.ok()) return;
    ++failures_;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (first_failure_.empty()) first_failure_ = item.status.status().ToString();
  }

  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> attempts_{0};
  std::atomic<std::uint64_t> failures_{0};
  mutable std::mutex mutex_;
  std::string first_failure_;
  std::unique_ptr<BulkLookup> lookup_;
  std::thread feeder_;
};

void ExpectAmplification(const Load& load, double most) {
  EXPECT_LE(static_cast<double>(load.attempts()), most * static_cast<double>(load.calls()))
      << load.attempts() << " attempts for " << load.calls() << " calls";
}

TEST(Resilience, F01KillingOneOfThreeBackendsAHundredTimesIsSeenByNobody) {
  Fleet fleet(3);
  const Client client = fleet.client();
  Load load(client, 200);
  ASSERT_TRUE(Eventually([&] { return AllReady(client) && load.calls() > 1000; }));
  std::minstd_rand random(42);
  for (int kill = 0; kill < 100; ++kill) {
    MockProcess& victim = fleet[random() % fleet.size()];
    const std::uint64_t before = load.calls();
    victim.Stop(SIGKILL);
    victim.Start({});
    ASSERT_TRUE(Eventually([&] { return AllReady(client) && load.calls() > before + 500; })) << kill;
  }
  load.Stop();
  EXPECT_EQ(load.failures(), 0U) << load.first_failure();
  ExpectAmplification(load, 1.1);
  RecordProperty("calls", std::to_string(load.calls()));
  RecordProperty("attempts", std::to_string(load.attempts()));
}

TEST(Resilience, F03ARollingRestartOfAllBackendsIsSeenByNobody) {
  Fleet fleet(3);
  const Client client = fleet.client();
  Load load(client, 64);
  ASSERT_TRUE(Eventually([&] { return AllReady(client) && load.calls() > 1000; }));
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < fleet.size(); ++i) {
      fleet[i].Stop(SIGTERM);
      fleet[i].Start({});
      ASSERT_TRUE(Eventually([&] { return IsReady(client, fleet[i].address()); })) << round;
    }
  }
  load.Stop();
  EXPECT_EQ(load.failures(), 0U) << load.first_failure();
  ExpectAmplification(load, 1.1);
}

TEST(Resilience, F18WithAllBackendsDownCallsFailFastWithTheCauseAndRecover) {
  Fleet fleet(3);
  const Client client = fleet.client();
  ASSERT_TRUE(client.GetCourierStatus("courier-1").ok());
  ASSERT_TRUE(Eventually([&] { return AllReady(client); }));
  for (std::size_t i = 0; i < fleet.size(); ++i) fleet[i].Stop(SIGKILL);
  ASSERT_TRUE(Eventually([&] {
    const std::vector<EndpointStatus> endpoints = client.Endpoints();
    return std::none_of(endpoints.begin(), endpoints.end(), [](const EndpointStatus& endpoint) {
      return endpoint.state == EndpointState::kReady;
    });
  }));

  constexpr int kCalls = 100;
  int attempts = 0;
  const auto before = steady_clock::now();
  for (int i = 0; i < kCalls; ++i) {
    CallReport report;
    const absl::Status status = client.GetCourierStatus("courier-1", {}, &report).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()),
                testing::AnyOf(HasSubstr("Connection refused"), HasSubstr("Connection reset")));
    EXPECT_EQ(report.phase, Phase::kConnect);
    attempts += report.attempts;
  }
  EXPECT_LE(attempts, kCalls + 4);
  EXPECT_LT(steady_clock::now() - before, seconds(20)) << "a tenth of the deadline each, and more";

  for (std::size_t i = 0; i < fleet.size(); ++i) fleet[i].Start({});
  const auto restarted = steady_clock::now();
  ASSERT_TRUE(Eventually([&] { return client.GetCourierStatus("courier-1").ok(); }));
  RecordProperty("recovered_after_ms", std::to_string((steady_clock::now() - restarted) / milliseconds(1)));
  EXPECT_LT(steady_clock::now() - restarted, seconds(5));
  ASSERT_TRUE(Eventually([&] { return AllReady(client); }));
}

TEST(Resilience, F17ABackendThatFailsAtOnceAttractsNothing) {
  Fleet fleet{Arguments{"--fault", "status=UNAVAILABLE"}, Arguments{}, Arguments{}};
  const Client client = fleet.client();
  const std::string& sick = fleet[0].address();
  ASSERT_TRUE(client.GetCourierStatus("courier-1").ok());
  ASSERT_TRUE(Eventually([&] { return AllReady(client); }));
  {
    Load load(client, 16);
    ASSERT_TRUE(Eventually([&] { return load.calls() >= 20000; }));
    load.Stop();
    EXPECT_LE(load.failures() * 1000, load.calls()) << load.first_failure();
    const EndpointStatus status = StatusOf(client, sick);
    EXPECT_NE(status.breaker, BreakerState::kClosed);
    // Opened within its first 20 calls; what came on top are probes, two each time its time-out was over.
    EXPECT_LE(status.failures + status.successes, 20U + 2 * kRecoveryPatience.count());
  }
  // Once it is well, probes find out and it takes its share again.
  fleet.Change(0, {});
  Load load(client, 16);
  EXPECT_TRUE(Eventually([&] {
    const EndpointStatus status = StatusOf(client, sick);
    return status.breaker == BreakerState::kClosed && status.successes > 1000;
  }));
  load.Stop();
  EXPECT_LE(load.failures() * 1000, load.calls()) << load.first_failure();
}

struct Latencies {
  nanoseconds p99{0};
  double amplification = 0;
};

// Of one caller after the other, so that nothing but the servers takes time.
Latencies Measure(const Client& client, int calls, const CallOptions& options) {
  std::vector<nanoseconds> all;
  int attempts = 0;
  for (int i = 0; i < calls; ++i) {
    CallReport report;
    EXPECT_TRUE(client.GetCourierStatus(absl::StrCat("courier-", 1 + i % 1000), options, &report).ok());
    all.push_back(report.elapsed);
    attempts += report.attempts;
  }
  const auto place = all.begin() + calls * 99 / 100;
  std::nth_element(all.begin(), place, all.end());
  return {*place, static_cast<double>(attempts) / calls};
}

TEST(Resilience, F16ASlowBackendIsHedgedAndThenPassedOver) {
  CallOptions options;
  options.hedging = HedgingPolicy{HedgingMode::kAutomatic};
  constexpr int kCalls = 1000;
  const Arguments healthy{"--latency", "2ms"};
  Fleet fleet{healthy, healthy, healthy};
  const Client baseline = fleet.client();
  Measure(baseline, 100, options);
  const Latencies usual = Measure(baseline, kCalls, options);

  fleet.Change(2, {"--latency", "200ms"});
  const Client client = fleet.client();
  ASSERT_TRUE(client.GetCourierStatus("courier-1").ok());
  ASSERT_TRUE(Eventually([&] { return AllReady(client); }));
  // Until enough is known of each endpoint.
  Measure(client, 120, options);
  const Latencies slow = Measure(client, kCalls, options);
  EXPECT_TRUE(StatusOf(client, fleet[2].address()).slow);
  EXPECT_LE(slow.p99, 3 * usual.p99) << "against " << usual.p99.count() << " ns";
  EXPECT_LE(slow.amplification, 1.05);
  RecordProperty("usual_p99_us", std::to_string(usual.p99 / std::chrono::microseconds(1)));
  RecordProperty("slow_p99_us", std::to_string(slow.p99 / std::chrono::microseconds(1)));
}

TEST(Resilience, F20ThreeInTenFailuresAreRetriedWithinTheBudget) {
  const Arguments shaky{"--fault", "status=UNAVAILABLE,prob=0.3"};
  Fleet fleet{shaky, shaky, shaky};
  ClientOptions options;
  options.breaker.enabled = false;
  // A budget that is no limit: what is left are four failures in a row, 0.3^4 = 0.81 %.
  options.throttling = {
      .max_tokens = 1000, .token_ratio = 100, .min_concurrent = 1000, .max_concurrent_ratio = 1};
  options.call_defaults.retry = RetryPolicy{.initial_backoff = milliseconds(1)};
  {
    const Client client = fleet.client(options);
    Load load(client, 16);
    ASSERT_TRUE(Eventually([&] { return load.calls() >= 10000; }));
    load.Stop();
    const double failed = static_cast<double>(load.failures()) / static_cast<double>(load.calls());
    EXPECT_NEAR(failed, 0.0081, 0.004) << load.first_failure();
  }
  // The default budget: a tenth of the successes and what the bucket held at first.
  options.throttling = {};
  const Client client = fleet.client(options);
  Load load(client, 16);
  ASSERT_TRUE(Eventually([&] { return load.calls() >= 10000; }));
  load.Stop();
  const double calls = static_cast<double>(load.calls());
  EXPECT_LE(static_cast<double>(load.attempts()), calls + 5 + 0.1 * calls);
  EXPECT_GT(load.attempts(), load.calls());
}

TEST(Resilience, F21APushbackIsObeyedToTheMillisecond) {
  Fleet fleet{Arguments{"--fault", "status=RESOURCE_EXHAUSTED,pushback=300ms,first=1"}};
  const Client client = fleet.client();
  CallReport report;
  ASSERT_TRUE(client.GetCourierStatus("courier-1", {}, &report).ok());
  ASSERT_EQ(report.history.size(), 2U);
  const nanoseconds pause = report.history[1].started - report.history[0].elapsed - report.history[0].started;
  EXPECT_GE(pause, milliseconds(299));
  EXPECT_LT(pause, seconds(3));
}

TEST(Resilience, F21APushbackBeyondTheDeadlineFailsAtOnce) {
  Fleet fleet{Arguments{"--fault", "status=RESOURCE_EXHAUSTED,message=come back tomorrow,pushback=60s"}};
  const Client client = fleet.client();
  CallOptions options;
  options.total_timeout = seconds(50);
  CallReport report;
  const absl::Status status = client.GetCourierStatus("courier-1", options, &report).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("come back tomorrow"));
  EXPECT_EQ(report.attempts, 1);
  EXPECT_LT(report.elapsed, seconds(10));
}

TEST(Resilience, F22AReplyTooLargeIsNotAskedForAgain) {
  Fleet fleet{Arguments{"--fault", "big-message=5MiB"}};
  const Client client = fleet.client();
  CallReport report;
  const absl::Status status = client.GetCourierStatus("courier-1", {}, &report).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(report.attempts, 1);
  EXPECT_EQ(StatusOf(client, fleet[0].address()).failures, 0U) << "and is not the endpoint's fault";
}

TEST(Resilience, F13AnAttemptTimeoutLeavesAHangingBackend) {
  Fleet fleet{Arguments{"--fault", "hang"}, Arguments{}};
  const Client client = fleet.client();
  CallOptions options;
  options.attempt_timeout = milliseconds(200);
  for (int i = 0; i < 4; ++i) {
    const auto status = client.GetCourierStatus("courier-1", options);
    EXPECT_TRUE(status.ok()) << status.status();
  }
}

// The probe may hang for as long as its call may, which is longer than the breaker waits for it.
TEST(Resilience, F44AProbeThatHangsGivesItsPlaceToAnother) {
  mock::MockServerOptions server;
  server.faults = {"status=UNAVAILABLE"};
  Service service(std::move(server));
  std::atomic<int> ended{0};
  ClientOptions options;
  options.breaker.half_open_requests = 1;
  options.breaker.open_timeout = milliseconds(500);
  options.call_defaults.retry = RetryPolicy{.max_attempts = 1};
  const Client client = service.client(std::move(options));
  const auto breaker = [&] { return client.Endpoints().at(0).breaker; };
  ASSERT_TRUE(Eventually([&] {
    client.GetCourierStatus("courier-1").status().IgnoreError();
    return breaker() == BreakerState::kOpen;
  }));
  ASSERT_EQ(service.server().SetFaults({"hang"}), absl::OkStatus());
  CallOptions patient;
  patient.total_timeout = std::chrono::hours(1);
  CallHandle probe;
  ASSERT_TRUE(Eventually([&] {
    const int before = ended;
    probe = client.GetCourierStatusAsync("courier-1", patient, [&](auto&&...) { ++ended; });
    // It is refused at once, or reaches the server.
    return Eventually([&] { return ended != before || service.server().fault_counts()[0].under_way == 1; }) &&
           ended == before;
  }));
  EXPECT_EQ(breaker(), BreakerState::kHalfOpen);
  const int refused = ended;
  service.server().ClearFaults();
  ASSERT_TRUE(Eventually([&] { return client.GetCourierStatus("courier-1").ok(); }));
  EXPECT_EQ(breaker(), BreakerState::kClosed);
  EXPECT_EQ(ended, refused) << "it still hangs";
  probe.Cancel();
  EXPECT_TRUE(Eventually([&] { return ended == refused + 1; }));
}

TEST(Resilience, F10AnAddressThatSwallowsConnectionsKeepsNobodyWaiting) {
  // 127.0.0.1 with a full backlog: SYNs are dropped, as by a firewall.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  socklen_t length = sizeof(address);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  std::vector<int> fillers;
  for (int i = 0; i < 2; ++i) {
    fillers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  {
    Fleet fleet(1);
    ClientOptions options;
    options.target = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
    options.connect_timeout = seconds(20);
    const Client client = fleet.client(options);
    const auto before = steady_clock::now();
    for (int i = 0; i < 10; ++i) {
      const auto status = client.GetCourierStatus("courier-1");
      EXPECT_TRUE(status.ok()) << status.status();
    }
    EXPECT_LT(steady_clock::now() - before, seconds(10)) << "less than the connect time-out";
  }
  for (const int filler : fillers) close(filler);
  close(listener);
}

TEST(Shutdown, LetsCallsInFlightEndAndTakesNoMore) {
  mock::MockServerOptions slow;
  slow.latency = milliseconds(200);
  const Service service(slow);
  const Client client = service.client();
  std::atomic<int> answered{0};
  for (int i = 0; i < 10; ++i) {
    client.GetCourierStatusAsync("courier-1", {},
                                 [&](const absl::StatusOr<CourierStatus>& status, const CallReport&) {
                                   if (status.ok()) ++answered;
                                 });
  }
  EXPECT_EQ(client.Shutdown(kRecoveryPatience), absl::OkStatus());
  EXPECT_EQ(answered, 10);
  EXPECT_EQ(client.GetCourierStatus("courier-1").status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(client.StartBulkLookup({.on_result = [](LookupItem&&) {}}).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(client.Shutdown(kRecoveryPatience), absl::OkStatus()) << "twice is harmless";
}

TEST(Shutdown, CancelsWhatOutlastsItsBound) {
  mock::MockServerOptions slow;
  slow.latency = seconds(60);
  const Service service(slow);
  const Client client = service.client();
  std::atomic<int> cancelled{0};
  std::thread blocked([&] {
    const auto status = client.GetCourierStatus("courier-1", CallOptions{.total_timeout = seconds(50)});
    if (absl::IsCancelled(status.status())) ++cancelled;
  });
  client.GetCourierStatusAsync("courier-1", CallOptions{.total_timeout = seconds(50)},
                               [&](const absl::StatusOr<CourierStatus>& status, const CallReport&) {
                                 if (absl::IsCancelled(status.status())) ++cancelled;
                               });
  ASSERT_TRUE(Eventually([&] { return service.server().lookups(0) == 2; }));
  const auto before = steady_clock::now();
  EXPECT_EQ(client.Shutdown(milliseconds(50)).code(), absl::StatusCode::kDeadlineExceeded);
  blocked.join();
  EXPECT_EQ(cancelled, 2);
  EXPECT_LT(steady_clock::now() - before, seconds(20));
}

TEST(Shutdown, RefusesToWaitInsideACallback) {
  const Service service;
  const Client client = service.client();
  absl::Status inside;
  std::atomic<bool> done{false};
  client.GetCourierStatusAsync("courier-1", {}, [&](const absl::StatusOr<CourierStatus>&, const CallReport&) {
    inside = client.Shutdown(seconds(1));
    done = true;
  });
  ASSERT_TRUE(Eventually([&] { return done.load(); }));
  EXPECT_EQ(inside.code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace dispatchctl
