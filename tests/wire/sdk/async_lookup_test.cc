#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "service.h"

namespace dispatchctl {
namespace {

// Counts down to zero and lets one thread wait for it.
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void Step() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--left_ == 0) reached_.notify_all();
  }
  bool Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    return reached_.wait_for(lock, std::chrono::seconds(60), [&] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable reached_;
  int left_;
};

mock::MockServerOptions Slow() {
  mock::MockServerOptions options;
  options.latency = std::chrono::seconds(60);
  return options;
}

TEST(AsyncLookup, CallsBackOnceOnAnotherThread) {
  Service service;
  const Client client = service.client();
  Countdown done(1);
  absl::StatusOr<CourierStatus> got;
  std::thread::id thread;
  client.GetCourierStatusAsync("courier-42", {},
                               [&](absl::StatusOr<CourierStatus> status, const CallReport& report) {
                                 got = std::move(status);
                                 thread = std::this_thread::get_id();
                                 EXPECT_EQ(report.attempts, 1);
                                 done.Step();
                               });
  ASSERT_TRUE(done.Wait());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->transport_mode, "bike");
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(AsyncLookup, TellsErrorsThroughTheCallbackOnly) {
  Service service;
  const Client client = service.client();
  Countdown done(2);
  const auto expect_invalid = [&](const absl::StatusOr<CourierStatus>& status, const CallReport& report) {
    EXPECT_EQ(status.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(report.phase, Phase::kArguments);
    done.Step();
  };
  client.GetCourierStatusAsync("", {}, expect_invalid);
  CallOptions call;
  call.total_timeout = std::chrono::seconds(-1);
  client.GetCourierStatusAsync("courier-1", call, expect_invalid);
  EXPECT_TRUE(done.Wait());
}

TEST(AsyncLookup, MayStartOthersFromItsCallback) {
  Service service;
  const Client client = service.client();
  constexpr int kChain = 100;
  Countdown done(1);
  std::function<void(int)> next = [&](int n) {
    if (n == kChain) {
      done.Step();
      return;
    }
    client.GetCourierStatusAsync("courier-1", {},
                                 [&next, n](const absl::StatusOr<CourierStatus>& status, auto&) {
                                   EXPECT_TRUE(status.ok()) << status.status();
                                   next(n + 1);
                                 });
  };
  next(0);
  ASSERT_TRUE(done.Wait());
  EXPECT_EQ(service.server().lookups(0), static_cast<std::uint64_t>(kChain));
}

TEST(AsyncLookup, CanBeCancelled) {
  Service service(Slow());
  const Client client = service.client();
  Countdown done(1);
  absl::StatusCode code = absl::StatusCode::kOk;
  CallHandle call = client.GetCourierStatusAsync("courier-1", {}, [&](const auto& status, auto&) {
    code = status.status().code();
    done.Step();
  });
  call.Cancel();
  ASSERT_TRUE(done.Wait());
  EXPECT_EQ(code, absl::StatusCode::kCancelled);
  call.Cancel();
}

TEST(AsyncLookup, EndsWithItsClient) {
  Service service(Slow());
  std::optional<Client> client = service.client();
  std::atomic<int> cancelled{0};
  for (int i = 0; i < 20; ++i) {
    client->GetCourierStatusAsync("courier-1", {}, [&](const auto& status, auto&) {
      if (status.status().code() == absl::StatusCode::kCancelled) cancelled.fetch_add(1);
    });
  }
  client.reset();
  EXPECT_EQ(cancelled.load(), 20) << "every callback has run when the destructor returns";
}

TEST(AsyncLookup, MayDestroyItsClient) {
  Service service;
  auto client = std::make_unique<Client>(service.client());
  Countdown done(1);
  client->GetCourierStatusAsync("courier-1", {}, [&](const auto& status, auto&) {
    EXPECT_TRUE(status.ok()) << status.status();
    client.reset();
    done.Step();
  });
  EXPECT_TRUE(done.Wait());
}

}  // namespace
}  // namespace dispatchctl
