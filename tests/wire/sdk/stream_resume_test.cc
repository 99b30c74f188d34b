// Streams whose servers go away.

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "mock_process.h"
#include "service.h"
#include "tests/support/slowdown.h"

namespace dispatchctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;

AssignmentUpdate Update(std::uint64_t n) {
  return {absl::StrCat("a-", n), absl::StrCat("courier-", n % 1000 + 1), "zone-7"};
}

// Counts results, and can be waited for.
class Results {
 public:
  void Add() {
    count_.fetch_add(1);
    count_.notify_all();
  }
  std::uint64_t count() const { return count_.load(); }
  void AwaitAtLeast(std::uint64_t wanted) const {
    for (std::uint64_t seen = count_.load(); seen < wanted; seen = count_.load()) count_.wait(seen);
  }

 private:
  std::atomic<std::uint64_t> count_{0};
};

TEST(StreamResume, F03MovesToAnotherBackendWhenItsOwnIsShutDown) {
  constexpr std::uint64_t kUpdates = 5000;
  Service service = Service::WithBackends(3);
  Results results;
  std::vector<int> seen(kUpdates);
  StreamOptions options;
  options.window = 100;
  std::string used;
  options.on_result = [&](AssignmentOutcome&& outcome) {
    ++seen[outcome.tag];
    EXPECT_EQ(outcome.update, Update(outcome.tag));
    if (used.empty()) used = std::string(outcome.endpoint);
    results.Add();
  };
  auto stream = service.client().StreamAssignments(std::move(options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::thread killer([&] {
    results.AwaitAtLeast(500);
    const auto& addresses = service.server().addresses();
    const auto at = std::find(addresses.begin(), addresses.end(), used);
    ASSERT_NE(at, addresses.end());
    service.server().ShutdownBackend(static_cast<std::size_t>(at - addresses.begin()));
  });
  for (std::uint64_t i = 0; i < kUpdates; ++i) {
    // So that the rest is submitted after the loss.
    if (i == kUpdates / 2) killer.join();
    ASSERT_TRUE((*stream)->Submit(Update(i), i).ok());
  }
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
  EXPECT_EQ((*stream)->statistics().reconnects, 1U);
}

TEST(StreamResume, F02FindsAServerThatComesBackOnTheSamePort) {
  auto service = std::make_unique<Service>();
  mock::MockServerOptions again;
  again.listen = service->server().addresses();
  ClientOptions client_options;
  client_options.target = service->target();
  const Client client = Service::Connect(std::move(client_options));
  auto stream = client.StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit(Update(1)).ok());
  ASSERT_TRUE((*stream)->Next());
  service.reset();
  ASSERT_TRUE((*stream)->Submit(Update(2)).ok());
  service = std::make_unique<Service>(std::move(again));
  const auto outcome = (*stream)->Next();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->result.assignment_id, "a-2");
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  EXPECT_EQ((*stream)->statistics().reconnects, 1U);
}

TEST(StreamResume, F02EndsWithTheLastErrorWhenNoServerComesBack) {
  auto service = std::make_unique<Service>();
  ClientOptions client_options;
  client_options.target = service->target();
  const Client client = Service::Connect(std::move(client_options));
  StreamOptions options;
  options.reconnect_timeout = milliseconds(300);
  CallReport report;
  options.on_finished = [&](const absl::Status&, const CallReport& finished) { report = finished; };
  auto stream = client.StreamAssignments(std::move(options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit(Update(1)).ok());
  ASSERT_TRUE((*stream)->Next());
  service.reset();
  ASSERT_TRUE((*stream)->Submit(Update(2), 2).ok());
  const absl::Status status = (*stream)->Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("not reconnected within 300ms"));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("Connection refused"));
  EXPECT_EQ(report.phase, Phase::kStream);
  ASSERT_EQ((*stream)->Unacknowledged().size(), 1U);
  EXPECT_EQ((*stream)->Unacknowledged()[0].tag, 2U);
}

TEST(StreamResume, DoesNotWithoutBeingAllowedTo) {
  Service service = Service::WithBackends(2);
  StreamOptions options;
  options.resume = false;
  auto stream = service.client().StreamAssignments(std::move(options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit(Update(1)).ok());
  ASSERT_TRUE((*stream)->Next());
  for (std::size_t backend : {0U, 1U}) {
    if (service.server().streams(backend) != 0) service.server().ShutdownBackend(backend);
  }
  EXPECT_EQ((*stream)->Finish().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ((*stream)->statistics().reconnects, 0U);
}

TEST(StreamResume, F14LeavesAServerThatHasStoppedReading) {
  constexpr std::uint64_t kUpdates = 2000;
  mock::MockServerOptions server;
  server.listen.assign(2, "127.0.0.1:0");
  server.faults = {"slow-read=10,first=1"};
  Service service(std::move(server));
  StreamOptions options;
  options.window = 64;
  options.idle_timeout = milliseconds(300) * kSlowdown;
  std::vector<int> seen(kUpdates);
  options.on_result = [&](AssignmentOutcome&& outcome) { ++seen[outcome.tag]; };
  auto stream = service.client().StreamAssignments(std::move(options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  for (std::uint64_t i = 0; i < kUpdates; ++i) ASSERT_TRUE((*stream)->Submit(Update(i), i).ok());
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
  EXPECT_EQ((*stream)->statistics().reconnects, 1U);
}

// A held-back write that nothing follows would hang the stream; here each connection is also taken away soon.
TEST(StreamResume, TakesEveryBatchSizeThroughATinyWindowAndShortLivedConnections) {
  mock::MockServerOptions server;
  server.listen.assign(2, "127.0.0.1:0");
  server.max_connection_age = milliseconds(40) * kSlowdown;
  server.max_connection_age_grace = milliseconds(5) * kSlowdown;
  Service service(std::move(server));
  const Client client = service.client();
  std::uint64_t reconnects = 0;
  for (const std::size_t window : {std::size_t{1}, std::size_t{3}, std::size_t{16}, std::size_t{1000}}) {
    StreamOptions options;
    options.window = window;
    options.initial_reconnect_backoff = milliseconds(1);
    Results results;
    options.on_result = [&](AssignmentOutcome&&) { results.Add(); };
    auto stream = client.StreamAssignments(std::move(options));
    ASSERT_TRUE(stream.ok()) << stream.status();
    std::uint64_t submitted = 0;
    for (std::uint64_t batch = 1; batch <= 64; ++batch) {
      for (std::uint64_t i = 0; i < batch; ++i) ASSERT_TRUE((*stream)->Submit(Update(submitted++)).ok());
      results.AwaitAtLeast(submitted);
    }
    EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
    EXPECT_EQ(results.count(), submitted);
    reconnects += (*stream)->statistics().reconnects;
  }
  EXPECT_GT(reconnects, 0U);
}

// Three servers, each a process with journals of its own: one for each of its lives, as the death of a
// process may leave half a line.
class Fleet {
 public:
  explicit Fleet(std::vector<std::string> arguments)
      : directory_(std::filesystem::path(testing::TempDir()) /
                   absl::StrCat("stream-resume-", getpid(), "-",
                                testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(directory_);
    // Decisions are drawn from the seed and the id: the same in every process.
    for (const char* word : {"--accept", "prob=0.5", "--seed", "7"}) arguments.emplace_back(word);
    for (std::size_t i = 0; i < kServers; ++i) {
      std::vector<std::string> first = arguments;
      servers_.push_back(std::make_unique<MockProcess>(std::move(first)));
      // The first life had no journal: nobody has used it.
      Restart(i, SIGKILL);
    }
  }
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet() {
    servers_.clear();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::string target() const {
    std::string target;
    for (const auto& server : servers_)
      absl::StrAppend(&target, target.empty() ? "" : ",", server->address());
    return target;
  }

  void Stop(std::size_t server, int signal_number) { servers_[server]->Stop(signal_number); }
  void Start(std::size_t server) {
    servers_[server]->Start({"--journal", directory_ / absl::StrCat("journal-", lives_++)});
  }
  void Restart(std::size_t server, int signal_number) {
    Stop(server, signal_number);
    Start(server);
  }
  const std::string& address(std::size_t server) const { return servers_[server]->address(); }

  // Calls `entry(number of the id, accepted)` for each whole line of every journal.
  template <class Entry>
  void ReadJournals(Entry entry) const {
    constexpr std::string_view kId = R"("assignment_id":"a-)";
    for (const auto& file : std::filesystem::directory_iterator(directory_)) {
      std::ifstream lines(file.path());
      for (std::string line; std::getline(lines, line);) {
        if (line.back() != '}') continue;
        const std::size_t id = line.find(kId);
        ASSERT_NE(id, std::string::npos) << line;
        entry(std::stoull(line.substr(id + kId.size(), 20)),
              line.find(R"("accepted":true)") != std::string::npos);
      }
    }
  }

  static constexpr std::size_t kServers = 3;

 private:
  const std::filesystem::path directory_;
  std::vector<std::unique_ptr<MockProcess>> servers_;
  std::uint64_t lives_ = 0;
};

// Sends at least so many updates, until the fleet has been hit often enough, and checks every single result.
class Campaign {
 public:
  Campaign(Fleet& fleet, std::uint64_t updates, int hits, std::function<void(std::size_t)> hit)
      : fleet_(fleet), updates_(updates), wanted_hits_(hits), hit_(std::move(hit)) {}

  void Run() {
    ClientOptions client_options;
    client_options.target = fleet_.target();
    const Client client = Service::Connect(std::move(client_options));
    StreamOptions options;
    options.window = 512;
    options.on_result = [this](AssignmentOutcome&& outcome) { OnResult(outcome); };
    auto stream = client.StreamAssignments(std::move(options));
    ASSERT_TRUE(stream.ok()) << stream.status();
    std::thread hitter([this] { HitUntilEnough(); });
    std::uint64_t submitted = 0;
    while (submitted < updates_ || hits_.load() < wanted_hits_) {
      const absl::Status status = (*stream)->Submit(Update(submitted), submitted);
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) break;
      ++submitted;
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    hitter.join();
    EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
    const StreamStatistics statistics = (*stream)->statistics();
    EXPECT_EQ(statistics.submitted, submitted);
    EXPECT_EQ(statistics.acknowledged, submitted);
    EXPECT_EQ(statistics.unknown_results, 0U);
    EXPECT_GT(statistics.reconnects, 0U);
    EXPECT_GE(statistics.resent, resent_at_least_);
    CheckResults(submitted);
    testing::Test::RecordProperty("submitted", std::to_string(submitted));
    testing::Test::RecordProperty("hits", hits_.load());
    testing::Test::RecordProperty("reconnects", std::to_string(statistics.reconnects));
    testing::Test::RecordProperty("resent", std::to_string(statistics.resent));
    CheckGaps();
  }

 private:
  void OnResult(const AssignmentOutcome& outcome) {
    EXPECT_EQ(outcome.result.assignment_id, outcome.update.assignment_id);
    if (results_.size() <= outcome.tag) results_.resize(outcome.tag + 4096, kNone);
    EXPECT_EQ(results_[outcome.tag], kNone) << "a second result for " << outcome.tag;
    results_[outcome.tag] = outcome.result.accepted ? kAccepted : kRejected;
    if (outcome.attempt > 1) resent_at_least_ += static_cast<std::uint64_t>(outcome.attempt) - 1;
    if (outcome.endpoint == endpoint_) return;
    NoteMove(std::string(outcome.endpoint));
  }

  void NoteMove(std::string to) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (hit_address_ == endpoint_ && !endpoint_.empty()) gaps_.push_back(SteadyClock::now() - hit_at_);
    endpoint_ = std::move(to);
  }

  void HitUntilEnough() {
    std::mt19937 random(std::random_device{}());
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        if (changed_.wait_for(lock, milliseconds(200), [&] { return over_; })) return;
      }
      const std::size_t victim = random() % Fleet::kServers;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        hit_address_ = fleet_.address(victim);
        hit_at_ = SteadyClock::now();
      }
      hit_(victim);
      hits_.fetch_add(1);
    }
  }

  void CheckResults(std::uint64_t submitted) {
    ASSERT_GE(results_.size(), submitted);
    const auto end = results_.begin() + static_cast<std::ptrdiff_t>(submitted);
    EXPECT_EQ(std::count(results_.begin(), end, kNone), 0) << "updates without a result";
    std::vector<char> journal(submitted, kNone);
    std::uint64_t differ = 0;
    fleet_.ReadJournals([&](std::uint64_t id, bool accepted) {
      ASSERT_LT(id, submitted);
      journal[id] = accepted ? kAccepted : kRejected;
      if (journal[id] != results_[id]) ++differ;
    });
    EXPECT_EQ(differ, 0U) << "results that are not the decision of the journal";
    EXPECT_EQ(std::count(journal.begin(), journal.end(), kNone), 0) << "results that no journal knows";
  }

  void CheckGaps() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (gaps_.empty()) return;
    std::sort(gaps_.begin(), gaps_.end());
    const auto median = std::chrono::duration_cast<milliseconds>(gaps_[gaps_.size() / 2]);
    testing::Test::RecordProperty("median_gap_ms", std::to_string(median.count()));
    EXPECT_LT(median, seconds(3)) << "from a server's death to the next result";
  }

  static constexpr char kNone = 0;
  static constexpr char kAccepted = 1;
  static constexpr char kRejected = 2;

  Fleet& fleet_;
  const std::uint64_t updates_;
  const int wanted_hits_;
  const std::function<void(std::size_t)> hit_;
  std::atomic<int> hits_{0};

  // The client's thread, until it has finished.
  std::vector<char> results_;
  std::string endpoint_;
  std::uint64_t resent_at_least_ = 0;

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  bool over_ = false;
  std::string hit_address_;
  SteadyClock::time_point hit_at_;
  std::vector<SteadyClock::duration> gaps_;
};

TEST(StreamResume, F02LosesNothingWhileServersAreKilled) {
  Fleet fleet({"--latency", "5ms"});
  Campaign(fleet, 200'000 / kSlowdown, 12, [&](std::size_t victim) { fleet.Restart(victim, SIGKILL); }).Run();
}

TEST(StreamResume, F03LosesNothingWhileServersAreDrained) {
  Fleet fleet({"--latency", "5ms", "--grace", "20ms"});
  Campaign(fleet, 50'000 / kSlowdown, 8, [&](std::size_t victim) { fleet.Restart(victim, SIGTERM); }).Run();
}

TEST(StreamResume, F04LosesNothingWhileConnectionsAreEndedForTheirAge) {
  constexpr int kSlower = std::min(kSlowdown, 5);
  Fleet fleet({"--max-connection-age", absl::StrCat(150 * kSlower, "ms"), "--grace", "10ms"});
  Campaign(fleet, 50'000 / kSlower, 8, [](std::size_t) {}).Run();
}

}  // namespace
}  // namespace dispatchctl
