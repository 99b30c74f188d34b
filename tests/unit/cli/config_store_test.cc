#include "config/config_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

ConfigEdit Write(std::string text) {
  return [text](std::string_view /*before*/) -> absl::StatusOr<std::string> { return text; };
}

TEST(ConfigStore, AFileThatIsNotThereIsNothing) {
  const TemporaryDirectory directory;
  const auto text = ReadConfigFile(directory.Path("none"));
  ASSERT_TRUE(text.ok());
  EXPECT_FALSE(text->has_value());
}

TEST(ConfigStore, WhatCannotBeReadIsNamed) {
  const TemporaryDirectory directory;
  const auto text = ReadConfigFile(directory.path());
  EXPECT_THAT(std::string(text.status().message()), HasSubstr(directory.path()));
}

TEST(ConfigStore, WarnsOfAFileThatOthersCanWrite) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("c", "x = 1\n");
  for (const mode_t mode : {0600U, 0644U, 0400U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ((*ReadConfigFile(path))->warning, "");
  }
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT((*ReadConfigFile(path))->warning, HasSubstr("chmod go-w"));
  }
  EXPECT_EQ((*ReadConfigFile("/dev/null"))->warning, "");
}

TEST(ConfigStore, MakesAFileForItsOwnerOnly) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("a/b/c");
  ASSERT_TRUE(EditConfigFile(path, Write("text")).ok());
  EXPECT_EQ(ReadFile(path), "text");
  EXPECT_EQ(ModeOf(path), 0600U);
  EXPECT_EQ(ModeOf(directory.Path("a/b")), 0700U);
}

TEST(ConfigStore, AFileKeepsItsMode) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("c", "old");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ASSERT_TRUE(EditConfigFile(path, Write("new")).ok());
  EXPECT_EQ(ReadFile(path), "new");
  EXPECT_EQ(ModeOf(path), 0640U);
}

TEST(ConfigStore, ALinkStaysALink) {
  const TemporaryDirectory directory;
  const std::string target = directory.Write("dotfiles", "old");
  const std::string path = directory.Path("c");
  ASSERT_EQ(::symlink("dotfiles", path.c_str()), 0);
  ASSERT_TRUE(EditConfigFile(path, Write("new")).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(path));
  EXPECT_EQ(ReadFile(target), "new");
}

TEST(ConfigStore, ALinkToNothingIsNotReplaced) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("c");
  ASSERT_EQ(::symlink("nothing", path.c_str()), 0);
  const absl::Status status = EditConfigFile(path, Write("new"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("symbolic link to nothing"));
  EXPECT_TRUE(std::filesystem::is_symlink(path));
}

TEST(ConfigStore, AFailedEditLeavesNothingBehind) {
  const TemporaryDirectory directory;
  const std::string path = directory.Write("c", "old");
  const absl::Status status =
      EditConfigFile(path, [](std::string_view before) -> absl::StatusOr<std::string> {
        EXPECT_EQ(before, "old");
        return absl::NotFoundError("no");
      });
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(ReadFile(path), "old");
  const std::filesystem::directory_iterator files(directory.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(ConfigStore, EditsAtTheSameTimeAreAllThere) {
  constexpr int kThreads = 4;
  constexpr int kEdits = 50;
  const TemporaryDirectory directory;
  const std::string path = directory.Path("c");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&path] {
      for (int edit = 0; edit < kEdits; ++edit) {
        EXPECT_TRUE(EditConfigFile(path, [](std::string_view before) -> absl::StatusOr<std::string> {
                      return std::string(before) + "x";
                    }).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ReadFile(path), std::string(std::size_t{kThreads} * kEdits, 'x'));
}

}  // namespace
}  // namespace dispatchctl::cli
