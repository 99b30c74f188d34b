#include "mock-server/storage/file_journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace dispatchctl::mock {
namespace {

using testing::HasSubstr;

JournalEntry Entry(std::string_view id) {
  return {.listen = "127.0.0.1:1",
          .update = {.assignment_id = id, .courier_id = "courier-42", .destination_zone = "zone-7"},
          .decision = {.accepted = true, .replay = false}};
}

constexpr std::string_view kRest =
    R"(,"courier_id":"courier-42","destination_zone":"zone-7","accepted":true,"replay":false})"
    "\n";

std::string JournalLine(int n, std::string_view id) {
  return R"({"n":)" + std::to_string(n) + R"(,"listen":"127.0.0.1:1","assignment_id":")" + std::string(id) +
         '"' + std::string(kRest);
}

class FileJournalTest : public testing::Test {
 protected:
  ~FileJournalTest() override { std::remove(path_.c_str()); }

  std::string Text() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  const std::string path_ = testing::TempDir() + "journal." + std::to_string(getpid()) + "." +
                            testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST(AppendJournalLine, IsTheDocumentedObject) {
  std::string line;
  AppendJournalLine(1, Entry("a-1"), line);
  EXPECT_EQ(line, JournalLine(1, "a-1"));
}

TEST(AppendJournalLine, EscapesWhatJsonWantsEscaped) {
  std::string line;
  AppendJournalLine(1, Entry("a\"\\\n\x01/\u00e9"), line);
  EXPECT_THAT(line, HasSubstr(R"("assignment_id":"a\"\\\n\u0001/é")"));
}

TEST_F(FileJournalTest, WritesAtCommit) {
  const auto journal = FileJournal::Open(path_).value();
  ASSERT_TRUE(journal->Append(Entry("a-1")).ok());
  ASSERT_TRUE(journal->Append(Entry("a-2")).ok());
  EXPECT_EQ(Text(), "");
  ASSERT_TRUE(journal->Commit().ok());
  EXPECT_EQ(Text(), JournalLine(1, "a-1") + JournalLine(2, "a-2"));
}

TEST_F(FileJournalTest, AppendsAndGoesOnCounting) {
  {
    const auto journal = FileJournal::Open(path_).value();
    ASSERT_TRUE(journal->Append(Entry("a-1")).ok());
    ASSERT_TRUE(journal->Commit().ok());
  }
  const auto journal = FileJournal::Open(path_).value();
  ASSERT_TRUE(journal->Append(Entry("a-2")).ok());
  ASSERT_TRUE(journal->Commit().ok());
  EXPECT_EQ(Text(), JournalLine(1, "a-1") + JournalLine(2, "a-2"));
}

TEST_F(FileJournalTest, RefusesAFileThatEndsWithinALine) {
  std::ofstream(path_) << R"({"n":1)";
  const auto journal = FileJournal::Open(path_);
  ASSERT_FALSE(journal.ok());
  EXPECT_THAT(std::string(journal.status().message()), HasSubstr(path_));
}

TEST_F(FileJournalTest, NamesAFileItCannotOpen) {
  const auto journal = FileJournal::Open("/nonexistent/journal");
  EXPECT_EQ(journal.status(),
            absl::InternalError("journal: cannot open /nonexistent/journal: No such file or directory"));
}

TEST_F(FileJournalTest, AFullDiskIsAnErrorForGood) {
  const auto journal = FileJournal::Open("/dev/full").value();
  ASSERT_TRUE(journal->Append(Entry("a-1")).ok());
  const absl::Status full = absl::InternalError("journal: cannot write /dev/full: No space left on device");
  EXPECT_EQ(journal->Commit(), full);
  EXPECT_EQ(journal->Append(Entry("a-2")), full);
  EXPECT_EQ(journal->Commit(), full);
}

TEST_F(FileJournalTest, LeavesNoTornLine) {
  const auto journal = FileJournal::Open(path_).value();
  ASSERT_TRUE(journal->Append(Entry("a-1")).ok());
  ASSERT_TRUE(journal->Commit().ok());

  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{.rlim_cur = JournalLine(1, "a-1").size() + 10, .rlim_max = old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  ASSERT_TRUE(journal->Append(Entry("a-2")).ok());
  const absl::Status status = journal->Commit();
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, SIG_DFL);

  EXPECT_THAT(std::string(status.message()), HasSubstr("File too large"));
  EXPECT_EQ(Text(), JournalLine(1, "a-1"));
}

}  // namespace
}  // namespace dispatchctl::mock
