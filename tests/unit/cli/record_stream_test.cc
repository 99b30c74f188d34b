#include "output/record_stream.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "pipe.h"

namespace dispatchctl::cli {
namespace {

void WriteNumber(RecordStream& records, std::uint64_t number) {
  records.Write([number](RecordFormat& format, std::string& out) { format.NumberField(out, "n", number); });
}

class RecordStreamTest : public ::testing::Test {
 protected:
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override { std::signal(SIGPIPE, SIG_DFL); }

  Pipe pipe_;
};

TEST_F(RecordStreamTest, RecordsWaitForTheFlush) {
  RecordStream records(pipe_.writer.get(), MakeNdjsonFormat());
  ::fcntl(pipe_.reader.get(), F_SETFL, O_NONBLOCK);
  WriteNumber(records, 1);
  WriteNumber(records, 2);
  EXPECT_EQ(pipe_.Drain(), "");
  EXPECT_TRUE(records.Flush());
  EXPECT_EQ(pipe_.Drain(), "{\"n\":1}\n{\"n\":2}\n");
}

TEST_F(RecordStreamTest, FinishClosesTheArray) {
  RecordStream records(pipe_.writer.get(), MakeJsonFormat(/*single=*/false));
  EXPECT_TRUE(records.Finish());
  pipe_.writer = UniqueFd();
  EXPECT_EQ(pipe_.Drain(), "[]\n");
}

TEST_F(RecordStreamTest, AReaderThatWentAwayIsToldOnce) {
  int failures = 0;
  RecordStream records(pipe_.writer.get(), MakeNdjsonFormat(), [&failures] { ++failures; });
  pipe_.reader = UniqueFd();
  for (int i = 0; i < 3; ++i) {
    WriteNumber(records, 1);
    records.Flush();
  }
  EXPECT_EQ(records.error_number(), EPIPE);
  EXPECT_EQ(failures, 1);
}

TEST_F(RecordStreamTest, AFullDiskIsTold) {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  RecordStream records(full.get(), MakeNdjsonFormat());
  WriteNumber(records, 1);
  records.Flush();
  EXPECT_EQ(records.error_number(), ENOSPC);
}

TEST_F(RecordStreamTest, ASlowReaderCanBeInterruptedAndLosesNothing) {
  RecordStream records(pipe_.writer.get(), MakeNdjsonFormat());
  Pipe interrupt;
  interrupt.Put("x");
  const std::string full(static_cast<std::size_t>(::fcntl(pipe_.writer.get(), F_GETPIPE_SZ)), '-');
  pipe_.Put(full);
  WriteNumber(records, 1);
  EXPECT_FALSE(records.Flush(interrupt.reader.get()));
  WriteNumber(records, 2);
  std::string all;
  std::thread reader([&] { all = pipe_.Drain(); });
  EXPECT_TRUE(records.Finish());
  pipe_.writer = UniqueFd();
  reader.join();
  EXPECT_EQ(all, full + "{\"n\":1}\n{\"n\":2}\n");
}

TEST_F(RecordStreamTest, ANonBlockingReaderLosesNothing) {
  ::fcntl(pipe_.writer.get(), F_SETFL, O_NONBLOCK);
  std::string all;
  std::thread reader([&] { all = pipe_.Drain(); });
  RecordStream records(pipe_.writer.get(), MakeNdjsonFormat());
  constexpr std::uint64_t kRecords = 50'000;
  for (std::uint64_t i = 0; i < kRecords; ++i) WriteNumber(records, 7);
  EXPECT_TRUE(records.Finish());
  pipe_.writer = UniqueFd();
  reader.join();
  EXPECT_EQ(all.size(), kRecords * std::string_view("{\"n\":7}\n").size());
}

TEST_F(RecordStreamTest, TwoWritersMixRecordsAndNeverBytes) {
  std::string all;
  std::thread reader([&] { all = pipe_.Drain(); });
  RecordStream records(pipe_.writer.get(), MakeNdjsonFormat());
  constexpr int kRecords = 20'000;
  const auto write = [&records](std::uint64_t number) {
    for (int i = 0; i < kRecords; ++i) {
      WriteNumber(records, number);
      if (i % 3 == 0) records.Flush();
    }
    records.Flush();
  };
  std::thread other([&] { write(1); });
  write(22);
  other.join();
  pipe_.writer = UniqueFd();
  reader.join();
  std::size_t ones = 0;
  std::size_t twos = 0;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = all.find('\n', at);
    const std::string line = all.substr(at, end - at);
    if (line == "{\"n\":1}") ++ones;
    if (line == "{\"n\":22}") ++twos;
    at = end + 1;
  }
  EXPECT_EQ(ones, static_cast<std::size_t>(kRecords));
  EXPECT_EQ(twos, static_cast<std::size_t>(kRecords));
}

}  // namespace
}  // namespace dispatchctl::cli
