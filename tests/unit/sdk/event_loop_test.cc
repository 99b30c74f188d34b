#include "transport/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "fake_transport.h"
#include "transport/loop_thread.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class RecordingTimer final : public Timer {
 public:
  RecordingTimer(std::vector<int>& record, int id) : record_(record), id_(id) {}
  void OnTimer() override { record_.push_back(id_); }

 private:
  std::vector<int>& record_;
  const int id_;
};

TEST(EventLoop, RunsTimersInOrderAndNotTheCancelledOnes) {
  EventLoop loop;
  std::vector<int> record;
  RecordingTimer first(record, 1);
  RecordingTimer second(record, 2);
  RecordingTimer cancelled(record, 3);
  const Clock::time_point now = Clock::now();
  loop.StartTimer(second, now + milliseconds(4));
  loop.StartTimer(cancelled, now + milliseconds(3));
  loop.StartTimer(first, now + milliseconds(2));
  loop.CancelTimer(cancelled);
  bool done = false;
  class DoneTimer final : public Timer {
   public:
    explicit DoneTimer(bool& done_in) : done_(done_in) {}
    void OnTimer() override { done_ = true; }

   private:
    bool& done_;
  } last(done);
  loop.StartTimer(last, now + milliseconds(6));
  loop.RunUntil(done);
  EXPECT_THAT(record, ElementsAre(1, 2));
  EXPECT_GE(Clock::now(), now + milliseconds(6));
}

TEST(EventLoop, RunsATaskOnceForManySchedules) {
  EventLoop loop;
  class Counter final : public Task {
   public:
    void Run() override { ++runs; }
    int runs = 0;
  };
  const auto counter = std::make_shared<Counter>();
  for (int i = 0; i < 5; ++i) loop.Schedule(counter);
  bool done = false;
  Post(loop, [&] { done = true; });
  loop.RunUntil(done);
  EXPECT_EQ(counter->runs, 1);
}

TEST(EventLoop, CallsAnIdleListenerAfterWhatWaits) {
  EventLoop loop;
  std::vector<int> record;
  bool done = false;
  class Listener final : public IdleListener {
   public:
    Listener(std::vector<int>& record_in, bool& done_in) : record_(record_in), done_(done_in) {}
    void OnIdle() override {
      record_.push_back(9);
      done_ = true;
    }

   private:
    std::vector<int>& record_;
    bool& done_;
  } listener(record, done);
  Post(loop, [&] {
    record.push_back(1);
    loop.CallWhenIdle(listener);
  });
  Post(loop, [&] { record.push_back(2); });
  loop.RunUntil(done);
  EXPECT_THAT(record, ElementsAre(1, 2, 9));
}

TEST(EventLoop, TakesTasksFromManyThreads) {
  std::atomic<int> ran{0};
  {
    LoopThread loop_thread;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) Post(loop_thread.loop(), [&] { ran.fetch_add(1); });
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::atomic<bool> done{false};
    Post(loop_thread.loop(), [&] {
      done.store(true);
      done.notify_all();
    });
    done.wait(false);
  }
  EXPECT_EQ(ran.load(), 4000);
}

TEST(EventLoop, StartsNothingOnceItIsShutDown) {
  EventLoop loop;
  int started = 0;
  EXPECT_TRUE(loop.StartUnlessShutDown([&] { ++started; }));
  loop.Shutdown();
  EXPECT_FALSE(loop.StartUnlessShutDown([&] { ++started; }));
  EXPECT_EQ(started, 1);
}

TEST(LoopThread, RunsTasksWhileItDozes) {
  std::atomic<int> ran{0};
  LoopThread loop_thread([] { return true; });
  for (int i = 1; i <= 100; ++i) {
    Post(loop_thread.loop(), [&] {
      ran.fetch_add(1);
      ran.notify_all();
    });
    ran.wait(i - 1);
  }
  EXPECT_EQ(ran.load(), 100);
}

TEST(LoopThread, MayBeDestroyedOnItsOwnThread) {
  auto loop_thread = std::make_unique<LoopThread>();
  std::atomic<bool> destroyed{false};
  EventLoop& loop = loop_thread->loop();
  Post(loop, [&destroyed, owned = std::make_shared<std::unique_ptr<LoopThread>>(std::move(loop_thread))] {
    owned->reset();
    destroyed.store(true);
    destroyed.notify_all();
  });
  destroyed.wait(false);
}

}  // namespace
}  // namespace dispatchctl::internal
