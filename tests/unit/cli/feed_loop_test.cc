#include "process/feed_loop.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "pipe.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;

// Reads bytes from a pipe and counts what is asked of it.
class FakeFeed final : public Feed {
 public:
  FakeFeed(int fd, std::atomic<bool>& finished) : fd_(fd), finished_(finished) {}

  int input_fd() const override { return fd_; }
  std::chrono::steady_clock::time_point resume_time() const override { return resume; }
  Wants Pump(bool readable) override {
    ++pumps;
    if (end_after_time && pumps > 1) return Wants::kEnd;
    if (!readable) return next;
    char byte = 0;
    const ssize_t count = ::read(fd_, &byte, 1);
    if (count == 0) return Wants::kEnd;
    bytes += byte;
    return next;
  }
  void CloseSubmissions() override {
    ++closes;
    if (finish_on_close) finished_.store(true);
  }
  void Cancel() override {
    ++cancels;
    if (finish_on_cancel) finished_.store(true);
  }

  std::atomic<Wants> next = Wants::kInput;
  std::chrono::steady_clock::time_point resume;
  bool end_after_time = false;
  bool finish_on_close = true;
  bool finish_on_cancel = true;
  int pumps = 0;
  int closes = 0;
  int cancels = 0;
  std::string bytes;

 private:
  int fd_;
  std::atomic<bool>& finished_;
};

class FeedLoopTest : public ::testing::Test {
 protected:
  FeedLoopResult Run(std::chrono::nanoseconds drain_timeout = 10s) {
    FeedLoop loop(feed_, records_, signals_, wakeup_, finished_, {.drain_timeout = drain_timeout});
    return loop.Run();
  }

  void Finish() {
    finished_.store(true);
    wakeup_.Notify();
  }

  const SignalQueue signals_;
  const Wakeup wakeup_;
  std::atomic<bool> finished_{false};
  Pipe input_;
  Pipe output_;
  RecordStream records_{output_.writer.get(), MakeNdjsonFormat(), [this] { wakeup_.Notify(); }};
  FakeFeed feed_{input_.reader.get(), finished_};
};

TEST_F(FeedLoopTest, EndOfInputClosesAndWaitsForTheEnd) {
  input_.Put("ab");
  input_.writer = UniqueFd();
  const FeedLoopResult result = Run();
  EXPECT_EQ(feed_.bytes, "ab");
  EXPECT_EQ(feed_.closes, 1);
  EXPECT_EQ(feed_.cancels, 0);
  EXPECT_TRUE(result.input_ended);
  EXPECT_EQ(result.signal, 0);
  EXPECT_FALSE(result.unfinished);
}

TEST_F(FeedLoopTest, TheServersEndEndsItThoughInputIsIdle) {
  std::thread server([this] { Finish(); });
  const FeedLoopResult result = Run();
  server.join();
  EXPECT_FALSE(result.input_ended);
  EXPECT_EQ(feed_.cancels, 0);
}

TEST_F(FeedLoopTest, NoRoomMeansNoReading) {
  feed_.next = Feed::Wants::kRoom;
  input_.Put("x");
  std::thread server([this] { Finish(); });
  Run();
  server.join();
  EXPECT_EQ(feed_.bytes, "");
}

TEST_F(FeedLoopTest, RoomComesAsAWakeup) {
  feed_.next = Feed::Wants::kRoom;
  feed_.finish_on_close = true;
  std::thread server([this] {
    feed_.next = Feed::Wants::kEnd;
    wakeup_.Notify();
  });
  const FeedLoopResult result = Run();
  server.join();
  EXPECT_TRUE(result.input_ended);
}

TEST_F(FeedLoopTest, TimeIsWaitedFor) {
  feed_.next = Feed::Wants::kTime;
  feed_.resume = std::chrono::steady_clock::now() + 20ms;
  feed_.end_after_time = true;
  input_.Put("x");
  const FeedLoopResult result = Run();
  EXPECT_TRUE(result.input_ended);
  EXPECT_GE(std::chrono::steady_clock::now(), feed_.resume);
  EXPECT_EQ(feed_.bytes, "");
  EXPECT_EQ(feed_.pumps, 2);
}

TEST_F(FeedLoopTest, RoomIsWaitedForUntilATime) {
  feed_.next = Feed::Wants::kRoomOrTime;
  feed_.resume = std::chrono::steady_clock::now() + 20ms;
  feed_.end_after_time = true;
  const FeedLoopResult result = Run();
  EXPECT_TRUE(result.input_ended);
  EXPECT_GE(std::chrono::steady_clock::now(), feed_.resume);
  EXPECT_EQ(feed_.pumps, 2);
}

TEST_F(FeedLoopTest, RoomComesBeforeTheTime) {
  feed_.next = Feed::Wants::kRoomOrTime;
  feed_.resume = std::chrono::steady_clock::now() + 1h;
  std::thread server([this] {
    feed_.next = Feed::Wants::kEnd;
    wakeup_.Notify();
  });
  EXPECT_TRUE(Run().input_ended);
  server.join();
}

TEST_F(FeedLoopTest, TheFinishHasABound) {
  feed_.next = Feed::Wants::kEnd;
  feed_.finish_on_close = false;
  FeedLoop loop(feed_, records_, signals_, wakeup_, finished_, {.finish_timeout = 10ms});
  const FeedLoopResult result = loop.Run();
  EXPECT_TRUE(result.finish_timed_out);
  EXPECT_EQ(feed_.cancels, 1);
  EXPECT_FALSE(result.unfinished);
}

TEST_F(FeedLoopTest, TicksWhileNothingElseHappens) {
  int ticks = 0;
  FeedLoop loop(feed_, records_, signals_, wakeup_, finished_,
                {.drain_timeout = 10s, .tick_interval = 1ms, .on_tick = [&] {
                   if (++ticks == 3) Finish();
                 }});
  loop.Run();
  EXPECT_EQ(ticks, 3);
}

TEST_F(FeedLoopTest, ASignalClosesAndDrains) {
  ::raise(SIGTERM);
  const FeedLoopResult result = Run();
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_FALSE(result.leave_at_once);
  EXPECT_EQ(feed_.closes, 1);
  EXPECT_EQ(feed_.cancels, 0);
}

TEST_F(FeedLoopTest, TheDrainHasABound) {
  feed_.finish_on_close = false;
  ::raise(SIGINT);
  const FeedLoopResult result = Run(10ms);
  EXPECT_EQ(result.signal, SIGINT);
  EXPECT_EQ(feed_.cancels, 1);
  EXPECT_FALSE(result.unfinished);
}

TEST_F(FeedLoopTest, WhatDoesNotEndIsLeft) {
  feed_.finish_on_close = false;
  feed_.finish_on_cancel = false;
  ::raise(SIGINT);
  EXPECT_TRUE(Run(1ms).unfinished);
}

TEST_F(FeedLoopTest, TheSecondSignalLeavesAtOnce) {
  feed_.finish_on_close = false;
  FeedLoop loop(feed_, records_, signals_, wakeup_, finished_,
                {.drain_timeout = 1h, .on_interrupt = [](int) { ::raise(SIGTERM); }});
  ::raise(SIGINT);
  const FeedLoopResult result = loop.Run();
  EXPECT_TRUE(result.leave_at_once);
  EXPECT_EQ(result.signal, SIGINT);
  EXPECT_EQ(feed_.cancels, 0);
}

TEST_F(FeedLoopTest, AReaderThatGoesWhileIdleEndsIt) {
  output_.reader = UniqueFd();
  Run();
  EXPECT_EQ(records_.error_number(), EPIPE);
  EXPECT_EQ(feed_.cancels, 1);
}

}  // namespace
}  // namespace dispatchctl::cli
