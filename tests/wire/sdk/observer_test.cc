// What an observer hears of real calls, and what it adds to them on the wire.

#include "dispatchctl/observer.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "service.h"
#include "tests/support/recording_observer.h"

namespace dispatchctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

const std::string kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class ObserverTest : public testing::Test {
 protected:
  static mock::MockServerOptions Faulty(std::vector<std::string> faults, std::size_t backends = 1) {
    mock::MockServerOptions options;
    options.listen.assign(backends, "127.0.0.1:0");
    options.faults = std::move(faults);
    options.record_bytes = std::size_t{1} << 20U;
    return options;
  }

  static std::vector<mock::CallRecord> Calls(const Service& service) {
    auto calls = service.server().calls();
    EXPECT_TRUE(calls.ok()) << calls.status();
    return calls.ok() ? std::move(calls->calls) : std::vector<mock::CallRecord>();
  }

  ClientOptions Observed(RecordingCallObserver::Headers headers = {}) const {
    ClientOptions options;
    options.observer = std::make_shared<RecordingObserver>(record_, std::move(headers));
    return options;
  }

  // All but what is told of endpoints.
  std::vector<std::string> CallLines() const {
    std::vector<std::string> lines = record_->lines();
    std::erase_if(lines, [](const std::string& line) {
      return line.starts_with("endpoint") || line.starts_with("connection") || line.starts_with("breaker");
    });
    return lines;
  }

  const std::shared_ptr<Record> record_ = std::make_shared<Record>();
};

TEST_F(ObserverTest, HearsOfACallThatIsRetried) {
  const Service service(Faulty({"status=UNAVAILABLE,first=1"}));
  const Client client = service.client(Observed());
  EXPECT_TRUE(client.GetCourierStatus("courier-1").ok());
  const std::string& on = service.server().addresses()[0];
  EXPECT_THAT(CallLines(), ElementsAre("call started GetCourierStatus", "attempt 1 started on " + on,
                                       "attempt 1 ended on " + on + " UNAVAILABLE", "backoff after 1",
                                       "attempt 2 started on " + on, "attempt 2 ended on " + on + " OK",
                                       "call ended OK, attempts 2", "call destroyed"));
}

TEST_F(ObserverTest, HearsOfAHedge) {
  const Service service(Faulty({"latency=60s,listen=0"}, 2));
  const Client client = service.client(Observed());
  CallOptions call;
  call.hedging = HedgingPolicy{.mode = HedgingMode::kFixed, .delay = milliseconds(20), .max_ratio = 1};
  // One in two begins with the slow backend.
  for (int i = 0; i < 8 && record_->lines("attempt 2 (hedge) ended").empty(); ++i) {
    ASSERT_TRUE(client.GetCourierStatus("courier-1", call).ok());
  }
  const auto& addresses = service.server().addresses();
  EXPECT_THAT(record_->lines("attempt 2 (hedge) ended"),
              ElementsAre("attempt 2 (hedge) ended on " + addresses[1] + " OK"));
  EXPECT_THAT(record_->lines("attempt 1 ended on " + addresses[0]),
              ElementsAre("attempt 1 ended on " + addresses[0] + " CANCELLED"));
}

TEST_F(ObserverTest, HearsOfEndpointsConnectionsAndBreakers) {
  const Service service(Faulty({"status=UNAVAILABLE"}));
  const std::string on = service.server().addresses()[0];
  {
    ClientOptions options = Observed();
    options.call_defaults.retry = RetryPolicy{.max_attempts = 1};
    const Client client = service.client(std::move(options));
    EXPECT_THAT(record_->lines(), ElementsAre("endpoint added " + on));
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(client.GetCourierStatus("courier-1").ok());
    EXPECT_THAT(record_->lines("breaker"), ElementsAre("breaker " + on + " closed to open"));
  }
  const std::vector<std::string> connections = record_->lines("connection " + on);
  ASSERT_FALSE(connections.empty());
  EXPECT_TRUE(connections.back().ends_with("to ready")) << connections.back();
  EXPECT_EQ(record_->lines("endpoint removed " + on).size(), 1U);
}

TEST_F(ObserverTest, SendsItsHeadersWithEachAttemptOfALookup) {
  const Service service(Faulty({"status=UNAVAILABLE,first=1"}));
  const Client client = service.client(Observed({{"traceparent", kTraceparent}, {"baggage", "team=blue"}}));
  CallOptions call;
  call.trace_context = {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1"};
  EXPECT_TRUE(client.GetCourierStatus("courier-1", call).ok());
  const std::vector<mock::CallRecord> calls = Calls(service);
  ASSERT_EQ(calls.size(), 2U);
  for (const mock::CallRecord& seen : calls) {
    EXPECT_THAT(seen.metadata, Contains(Pair("traceparent", kTraceparent)).Times(1));
    EXPECT_THAT(seen.metadata, Contains(Pair("baggage", "team=blue")));
    EXPECT_THAT(seen.metadata, Not(Contains(Pair("tracestate", testing::_)))) << "it is the other trace's";
  }
}

TEST_F(ObserverTest, IsNotNeededToSendTheTraceThatACallBelongsTo) {
  const Service service(Faulty({}));
  const Client client = service.client();
  CallOptions call;
  call.trace_context = {kTraceparent, "vendor=1"};
  EXPECT_TRUE(client.GetCourierStatus("courier-1", call).ok());
  StreamOptions stream_options;
  stream_options.trace_context = call.trace_context;
  auto stream = client.StreamAssignments(std::move(stream_options));
  ASSERT_TRUE(stream.ok()) << stream.status();
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  const std::vector<mock::CallRecord> calls = Calls(service);
  ASSERT_EQ(calls.size(), 2U);
  for (const mock::CallRecord& seen : calls) {
    EXPECT_THAT(seen.metadata, Contains(Pair("traceparent", kTraceparent)).Times(1));
    EXPECT_THAT(seen.metadata, Contains(Pair("tracestate", "vendor=1")).Times(1));
  }
}

TEST_F(ObserverTest, HearsOfAStreamThatIsLostAndResumed) {
  const Service service(Faulty({}, 2));
  const Client client = service.client(Observed({{"traceparent", kTraceparent}}));
  auto stream = client.StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE((*stream)->Submit({"a-1", "courier-1", "zone-7"}).ok());
  const auto outcome = (*stream)->Next();
  ASSERT_TRUE(outcome);
  const std::string lost(outcome->endpoint);
  const auto& addresses = service.server().addresses();
  const std::size_t backend = lost == addresses[0] ? 0 : 1;
  const std::string& next = addresses[1 - backend];
  service.server().ShutdownBackend(backend);
  ASSERT_TRUE((*stream)->Submit({"a-2", "courier-1", "zone-7"}).ok());
  ASSERT_TRUE((*stream)->Next());
  EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  stream->reset();

  std::vector<std::string> lines = CallLines();
  // Whether the second assignment was handed over before the loss is chance.
  for (std::string& line : lines) {
    if (absl::StrContains(line, "interrupted") || absl::StrContains(line, "resumed")) {
      line.erase(line.find(", unacknowledged"));
    }
  }
  EXPECT_THAT(
      lines,
      ElementsAre("call started StreamAssignments", "attempt 1 started on " + lost,
                  testing::StartsWith("stream 0 opened on " + lost),
                  testing::StartsWith("attempt 1 ended on " + lost), "backoff after 1",
                  testing::StartsWith("stream 0 interrupted on " + lost), "attempt 2 started on " + next,
                  "stream 0 resumed on " + next + " OK", "attempt 2 ended on " + next + " OK",
                  "stream 0 ended on " + next + " OK, unacknowledged 0, acknowledged 2",
                  "call ended OK, attempts 2, submitted 2, acknowledged 2, reconnects 1", "call destroyed"));
  for (const mock::CallRecord& seen : Calls(service)) {
    EXPECT_THAT(seen.metadata, Contains(Pair("traceparent", kTraceparent)));
  }
}

TEST_F(ObserverTest, MayThrowWithoutHarm) {
  const Service service(Faulty({"status=UNAVAILABLE,first=1"}, 2));
  std::mutex mutex;
  std::vector<std::string> warnings;
  {
    ClientOptions options;
    options.observer = std::make_shared<ThrowingObserver>();
    options.on_warning = [&](std::string_view text) {
      const std::lock_guard<std::mutex> lock(mutex);
      warnings.emplace_back(text);
    };
    const Client client = service.client(std::move(options));
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(client.GetCourierStatus("courier-1").ok());
    auto stream = client.StreamAssignments();
    ASSERT_TRUE(stream.ok()) << stream.status();
    ASSERT_TRUE((*stream)->Submit({"a-1", "courier-1", "zone-7"}).ok());
    EXPECT_EQ((*stream)->Finish(), absl::OkStatus());
  }
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("an observer has thrown \"added\"")));
  for (const mock::CallRecord& seen : Calls(service)) {
    EXPECT_THAT(seen.metadata, Not(Contains(Pair("x-half-done", "1"))));
  }
}

TEST_F(ObserverTest, LivesUntilTheLastCallOfItsClientHasEnded) {
  const Service service(Faulty({"hang"}));
  auto client = std::make_unique<Client>(service.client(Observed()));
  absl::Status ended;
  client->GetCourierStatusAsync("courier-1", {},
                                [&](const auto& status, const CallReport&) { ended = status.status(); });
  auto stream = client->StreamAssignments();
  ASSERT_TRUE(stream.ok()) << stream.status();
  const std::string& on = service.server().addresses()[0];
  EXPECT_TRUE(record_->Await("attempt 1 started on " + on));
  EXPECT_THAT(record_->lines("observer destroyed"), IsEmpty());
  client.reset();
  EXPECT_EQ(ended.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(record_->lines("call ended CANCELLED, attempts 1").size(), 1U) << "the lookup's";
  stream->reset();
  // What the stream's last callback let go of may go on the client's own thread.
  EXPECT_TRUE(record_->Await("observer destroyed"));
  EXPECT_EQ(record_->lines("call destroyed").size(), 2U);
  EXPECT_EQ(record_->lines().back(), "observer destroyed");
}

TEST_F(ObserverTest, MayBeLetGoOfInsideACallback) {
  const Service service(Faulty({}));
  auto client = std::make_unique<Client>(service.client(Observed()));
  client->GetCourierStatusAsync("courier-1", {}, [&](const auto&, const CallReport&) { client.reset(); });
  EXPECT_TRUE(record_->Await("observer destroyed"));
  EXPECT_EQ(record_->lines().back(), "observer destroyed");
}

TEST_F(ObserverTest, HearsEachCallOfManyThreadsInItsOrder) {
  // Every call's own events, whatever others do meanwhile.
  class Call final : public CallObserver {
   public:
    explicit Call(std::atomic<int>& complete) : complete_(complete) {}
    void OnAttemptStarted(const AttemptStarted&, RecordingCallObserver::Headers&) override { Step(0); }
    void OnAttemptEnded(const AttemptEnded&) override { Step(1); }
    void OnEnded(const CallEnded& call) override {
      Step(2);
      if (step_ == 3 && call.status.ok()) complete_.fetch_add(1);
    }

   private:
    void Step(int expected) { step_ = step_ == expected ? expected + 1 : -1; }
    std::atomic<int>& complete_;
    int step_ = 0;
  };
  class Counter final : public Observer {
   public:
    explicit Counter(std::atomic<int>& complete) : complete_(complete) {}
    std::unique_ptr<CallObserver> OnCallStarted(const CallStarted&) override {
      return std::make_unique<Call>(complete_);
    }

   private:
    std::atomic<int>& complete_;
  };
  constexpr int kThreads = 4;
  constexpr int kCalls = 200;
  const Service service(Faulty({}, 2));
  std::atomic<int> complete{0};
  ClientOptions options;
  options.observer = std::make_shared<Counter>(complete);
  const Client client = service.client(std::move(options));
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kCalls; ++j) EXPECT_TRUE(client.GetCourierStatus("courier-1").ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(complete.load(), kThreads * kCalls);
  BulkLookupOptions bulk;
  int next = 0;
  EXPECT_TRUE(client
                  .LookupMany(
                      [&]() -> std::optional<std::string> {
                        return next++ < kCalls ? std::optional<std::string>("courier-2") : std::nullopt;
                      },
                      [](LookupItem&&) {}, std::move(bulk))
                  .ok());
  EXPECT_EQ(complete.load(), (kThreads + 1) * kCalls);
}

}  // namespace
}  // namespace dispatchctl
