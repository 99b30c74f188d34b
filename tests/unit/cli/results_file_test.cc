#include "checkpoint/results_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/file_syncer.h"
#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr std::string_view kA = "{\"assignment_id\":\"a\",\"accepted\":true}\n";
constexpr std::string_view kB =
    "{\"assignment_id\":\"b\",\"accepted\":false,\"line\":7,\"endpoint\":\"x\"}\n";
constexpr std::string_view kBad = "{\"line\":3,\"error\":{\"kind\":\"input\",\"details\":[{\"line\":9}]}}\n";

std::string Join(std::initializer_list<std::string_view> parts) {
  std::string all;
  for (const std::string_view part : parts) all += part;
  return all;
}

class ResultsFileTest : public ::testing::Test {
 protected:
  // Goes on with a file of this content.
  std::optional<ErrorReport> GoOn(const std::string& content, bool ordered = false) {
    path_ = directory_.Write("results.ndjson", content);
    return file_.Open(path_, {.go_on = true, .ordered = ordered, .seed = 1});
  }

  const TemporaryDirectory directory_;
  std::string path_;
  ResultsFile file_;
};

TEST_F(ResultsFileTest, ANewFileIsMade) {
  path_ = directory_.Path("new");
  for (const bool go_on : {false, true}) {
    ResultsFile file;
    EXPECT_FALSE(file.Open(path_, {.go_on = go_on}).has_value());
    EXPECT_TRUE(file.is_regular());
    EXPECT_EQ(file.answered(), nullptr);
  }
}

TEST_F(ResultsFileTest, WhatIsThereIsNotWrittenOver) {
  path_ = directory_.Write("results", "precious");
  const auto error = file_.Open(path_, {});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind, ErrorKind::kUsage);
  EXPECT_THAT(error->hint, HasSubstr("--continue"));
  EXPECT_EQ(ReadFile(path_), "precious");
}

TEST_F(ResultsFileTest, KnowsWhatWasAnswered) {
  for (const bool ordered : {false, true}) {
    ResultsFile file;
    const std::string path = directory_.Write("results", Join({kA, kB, kBad}));
    ASSERT_FALSE(file.Open(path, {.go_on = true, .ordered = ordered}).has_value());
    EXPECT_EQ(file.before().lines, 3U);
    EXPECT_EQ(file.before().rejected, 1U);
    EXPECT_EQ(file.before().torn_bytes, 0U);
    ASSERT_NE(file.answered(), nullptr);
    EXPECT_EQ(file.answered()->TakeResult("a"), Answered::Verdict::kAnswered);
    EXPECT_EQ(file.answered()->TakeResult("b"), Answered::Verdict::kAnswered);
    EXPECT_EQ(file.answered()->TakeFailure(3), Answered::Verdict::kAnswered);
    EXPECT_EQ(file.answered()->left(), 0U);
  }
}

TEST_F(ResultsFileTest, ATornEndIsCutOffWhereverItWasTorn) {
  for (std::size_t kept = 0; kept < kB.size(); ++kept) {
    for (const bool ordered : {false, true}) {
      ResultsFile file;
      const std::string path = directory_.Write("results", Join({kA, kB.substr(0, kept)}));
      ASSERT_FALSE(file.Open(path, {.go_on = true, .ordered = ordered}).has_value()) << kept;
      EXPECT_EQ(ReadFile(path), kA) << kept;
      EXPECT_EQ(file.before().torn_bytes, kept);
      ASSERT_EQ(::write(file.fd(), kB.data(), kB.size()), static_cast<ssize_t>(kB.size()));
      EXPECT_EQ(ReadFile(path), Join({kA, kB}));
    }
  }
}

TEST_F(ResultsFileTest, ATornFirstLineIsCutOff) {
  for (std::size_t kept = 1; kept < kBad.size(); ++kept) {
    ASSERT_FALSE(GoOn(std::string(kBad.substr(0, kept))).has_value()) << kept;
    EXPECT_EQ(ReadFile(path_), "");
    EXPECT_EQ(file_.answered(), nullptr);
    file_ = ResultsFile();
  }
}

TEST_F(ResultsFileTest, WhatAPowerCutLeavesIsCutOff) {
  const std::string nul(5000, '\0');
  const std::string half(kB.substr(0, 20));
  for (const std::string& rest : {nul, half + nul, nul + std::string(kB), half + nul + std::string(kB) + half,
                                  half + "\n", std::string("\n")}) {
    ASSERT_FALSE(GoOn(Join({kA, rest})).has_value());
    EXPECT_EQ(ReadFile(path_), kA);
    EXPECT_EQ(file_.before().torn_bytes, rest.size());
    file_ = ResultsFile();
  }
  ASSERT_FALSE(GoOn(nul).has_value());
  EXPECT_EQ(ReadFile(path_), "");
}

TEST_F(ResultsFileTest, AFileOfAnythingElseIsRefusedAndLeftAlone) {
  const std::vector<std::pair<std::string, int>> others{
      {"ASSIGNMENT_ID  ACCEPTED\na              true\n", 1},
      {"[\n{\"assignment_id\":\"a\",\"accepted\":true}\n]\n", 1},
      {"assignment_id,accepted,line,error\r\na,true,,\r\n", 1},
      {"{\"assignment_id\":\"a\",\"courier_id\":\"c\"}\n{\"assignment_id\":\"b\",\"courier_id\":\"c\"}\n", 1},
      {"{\"assignment_id\":\"a\",\"courier_id\":\"c\"}\n", 1},
      {"{\"assignment_id\":\"a\",\"courier_id\":\"c\"}", 1},
      {Join({kA, "{\"assignment_id\":\"a\",\"courier_id\":\"c\"}\n"}), 2},
      {"some notes", 1},
      {"\n" + std::string(kA), 1},
      {Join({kA, "{\"line\":3}\n", kB}), 2},
      {Join({kA, "{\"assignment_id\":\"a\",\"accepted\":\"yes\"}\n", kB}), 2},
      {Join({kA, "{\"assignment_id\":\"a\",\"accepted\":true} x\n", kB}), 2},
      {Join({kA, "\n", kB}), 2}};
  for (const auto& [content, line] : others) {
    for (const bool ordered : {false, true}) {
      ResultsFile file;
      const std::string path = directory_.Write("results", content);
      const auto error = file.Open(path, {.go_on = true, .ordered = ordered});
      ASSERT_TRUE(error.has_value()) << content;
      EXPECT_EQ(error->kind, ErrorKind::kInput);
      EXPECT_THAT(error->message, HasSubstr(path + ":" + std::to_string(line) + ": not a result"));
      EXPECT_EQ(ReadFile(path), content);
    }
  }
}

TEST_F(ResultsFileTest, OneProcessAtATimeWritesToIt) {
  path_ = directory_.Path("results");
  ASSERT_FALSE(file_.Open(path_, {}).has_value());
  ResultsFile other;
  const auto error = other.Open(path_, {.go_on = true});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind, ErrorKind::kOutput);
  EXPECT_THAT(error->message, HasSubstr("another process is writing to it"));
  file_ = ResultsFile();
  EXPECT_FALSE(other.Open(path_, {.go_on = true}).has_value());
}

TEST_F(ResultsFileTest, WhatIsNoRegularFileCannotBeGoneOnWith) {
  ASSERT_FALSE(file_.Open("/dev/null", {}).has_value());
  EXPECT_FALSE(file_.is_regular());
  const auto error = ResultsFile().Open("/dev/null", {.go_on = true});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind, ErrorKind::kUsage);
  EXPECT_EQ(ResultsFile().Open(directory_.path(), {})->kind, ErrorKind::kOutput);
  EXPECT_THAT(ResultsFile().Open("/nonexistent/file", {})->message, HasSubstr("/nonexistent/file"));
}

TEST(FileSyncer, FinishSyncsWhatWasWritten) {
  const TemporaryDirectory directory;
  ResultsFile file;
  ASSERT_FALSE(file.Open(directory.Path("results"), {}).has_value());
  FileSyncer syncer(file.fd(),
                    {.interval = 1h, .written = [] { return std::uint64_t{0}; }, .on_failure = {}});
  EXPECT_EQ(syncer.Finish(), 0);
}

TEST(FileSyncer, AFailureIsToldAndNotForgotten) {
  std::mutex mutex;
  std::condition_variable told;
  int failure = 0;
  FileSyncer syncer(-1, {.interval = 1ms,
                         .written = [] { return std::uint64_t{1}; },
                         .on_failure =
                             [&](int error_number) {
                               const std::lock_guard lock(mutex);
                               failure = error_number;
                               told.notify_all();
                             }});
  std::unique_lock lock(mutex);
  ASSERT_TRUE(told.wait_for(lock, 60s, [&] { return failure != 0; }));
  EXPECT_EQ(failure, EBADF);
  lock.unlock();
  EXPECT_EQ(syncer.Finish(), EBADF);
}

}  // namespace
}  // namespace dispatchctl::cli
