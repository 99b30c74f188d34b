#include "transport/token_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "dispatchctl/secret_file.h"
#include "temporary_directory.h"

namespace dispatchctl::internal {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(ParseToken, CutsTheWhiteSpaceAround) {
  EXPECT_EQ(*ParseToken("f", "abc.DEF-1_2~3+4/5=="), "abc.DEF-1_2~3+4/5==");
  EXPECT_EQ(*ParseToken("f", " \tabc\r\n\n"), "abc");
}

TEST(ParseToken, SaysWhatIsWrongWithoutShowingIt) {
  const auto problem = [](std::string_view content) {
    const auto token = ParseToken("/run/token", content);
    EXPECT_EQ(token.status().code(), absl::StatusCode::kFailedPrecondition) << content;
    std::string message(token.status().message());
    EXPECT_THAT(message, AllOf(HasSubstr("/run/token"), Not(HasSubstr("secret"))));
    return message;
  };
  EXPECT_THAT(problem(""), HasSubstr("is empty"));
  EXPECT_THAT(problem(" \n "), HasSubstr("is empty"));
  EXPECT_THAT(problem("secret\nsecret"), HasSubstr("more than one line"));
  EXPECT_THAT(problem("Bearer secret"), HasSubstr("space"));
  EXPECT_THAT(problem("sec\x7fret"), HasSubstr("not printable"));
  EXPECT_THAT(problem("secr\xc3\xa9t"), HasSubstr("not printable"));
  EXPECT_THAT(problem(std::string("secret\0x", 8)), HasSubstr("not printable"));
}

class TokenFileTest : public testing::Test {
 protected:
  std::unique_ptr<TokenFile> Open() {
    auto file = TokenFile::Open(
        path_, [this](std::string_view text) { warnings_.emplace_back(text); }, now_);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? *std::move(file) : nullptr;
  }
  void Write(std::string_view content) const { std::ofstream(path_) << content; }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/token";
  TokenFile::Time now_{std::chrono::hours(1)};
  std::vector<std::string> warnings_;
};

TEST_F(TokenFileTest, IsLookedAtOnceASecond) {
  Write("one");
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(*file->Get(now_), "Bearer one");
  Write("another");
  EXPECT_EQ(*file->Get(now_ + milliseconds(999)), "Bearer one");
  EXPECT_EQ(*file->Get(now_ + milliseconds(1000)), "Bearer another");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(TokenFileTest, GivesTheSameObjectForTheSameToken) {
  Write("one");
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  const TokenFile::Token before = file->Get(now_);
  Write("one\n");
  EXPECT_EQ(file->Get(now_ + milliseconds(1000)), before);
}

TEST_F(TokenFileTest, SeesAChangeThatLeavesSizeAndTimeAsTheyWere) {
  Write("one");
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  struct stat before {};
  ASSERT_EQ(stat(path_.c_str(), &before), 0);
  Write("two");
  const timespec times[] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  EXPECT_EQ(*file->Get(now_ + milliseconds(1000)), "Bearer two");
}

TEST_F(TokenFileTest, IsReadAtOnceWhenItsTokenIsRefused) {
  Write("one");
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  const TokenFile::Token refused = file->Get(now_);
  EXPECT_FALSE(file->HasOtherThan(refused, now_));
  Write("two");
  EXPECT_TRUE(file->HasOtherThan(refused, now_));
  EXPECT_EQ(*file->Get(now_), "Bearer two");
  EXPECT_FALSE(file->HasOtherThan(file->Get(now_), now_));
}

TEST_F(TokenFileTest, KeepsTheTokenWhenTheReplacementIsUnusable) {
  Write("one");
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  Write("");
  for (int second = 1; second < 5; ++second) {
    EXPECT_EQ(*file->Get(now_ + std::chrono::seconds(second)), "Bearer one");
  }
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(warnings_[0], AllOf(HasSubstr("is empty"), HasSubstr("stays in use")));
  std::filesystem::remove(path_);
  for (int second = 5; second < 9; ++second) {
    EXPECT_EQ(*file->Get(now_ + std::chrono::seconds(second)), "Bearer one");
  }
  ASSERT_EQ(warnings_.size(), 2U);
  EXPECT_THAT(warnings_[1], HasSubstr("No such file"));
  Write("two");
  EXPECT_EQ(*file->Get(now_ + std::chrono::seconds(9)), "Bearer two");
}

TEST_F(TokenFileTest, MustHoldATokenAtFirst) {
  EXPECT_EQ(TokenFile::Open(path_, nullptr, now_).status().code(), absl::StatusCode::kFailedPrecondition);
  Write(std::string(20'000, 'x'));
  const absl::Status status = TokenFile::Open(path_, nullptr, now_).status();
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(path_), HasSubstr("larger than 16384 bytes")));
}

TEST_F(TokenFileTest, PipeIsReadOnce) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  std::thread writer([this] { Write("one\n"); });
  const auto file = Open();
  writer.join();
  ASSERT_NE(file, nullptr);
  // A second reader would wait for a second writer.
  EXPECT_EQ(*file->Get(now_ + std::chrono::seconds(5)), "Bearer one");
  EXPECT_FALSE(file->HasOtherThan(file->Get(now_), now_ + std::chrono::seconds(9)));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST(SecretFile, OpenToOthersIsWarnedOf) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/key";
  std::ofstream(path) << "top secret";
  const auto warnings = [&](mode_t mode) {
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return CheckSecretFile(path);
  };
  EXPECT_THAT(warnings(0600), IsEmpty());
  EXPECT_THAT(warnings(0400), IsEmpty());
  EXPECT_THAT(warnings(0640), ElementsAre(AllOf(HasSubstr(path), HasSubstr("its group"), HasSubstr("0640"),
                                                Not(HasSubstr("top secret")))));
  EXPECT_THAT(warnings(0604), ElementsAre(HasSubstr("everybody")));
  EXPECT_THAT(warnings(0644), ElementsAre(HasSubstr("its group and everybody else")));
  EXPECT_THAT(CheckSecretFile(directory.path() + "/none"), IsEmpty());
}

}  // namespace
}  // namespace dispatchctl::internal
