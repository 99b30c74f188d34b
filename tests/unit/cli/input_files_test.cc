#include "input/input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> ReadAll(InputFiles& files) {
  std::vector<std::string> lines;
  Line line;
  while (!files.AtEnd()) {
    EXPECT_FALSE(files.Fill().has_value());
    while (files.Next(line) == LineReader::Result::kLine) {
      const std::string place = files.Describe({.input = files.current(), .line = line.number});
      lines.push_back(place.substr(place.rfind('/') + 1) + " " + std::string(line.data, line.size));
    }
  }
  return lines;
}

TEST(InputFiles, FollowEachOtherWithTheirOwnLineNumbers) {
  const TemporaryDirectory directory;
  InputFiles files(1024);
  ASSERT_FALSE(
      files
          .Open({directory.Write("one", "a\nb"), directory.Write("empty", ""), directory.Write("two", "c\n")})
          .has_value());
  EXPECT_THAT(ReadAll(files), ElementsAre("one:1 a", "one:2 b", "two:1 c"));
  EXPECT_EQ(files.fd(), -1);
}

TEST(InputFiles, AMissingFileIsKnownBeforeAnythingIsRead) {
  const TemporaryDirectory directory;
  InputFiles files(1024);
  const auto error = files.Open({directory.Write("one", "a\n"), "/nonexistent/file"});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind, ErrorKind::kInput);
  EXPECT_THAT(error->message, HasSubstr("/nonexistent/file: No such file"));
}

TEST(InputFiles, ADirectoryIsNoInput) {
  InputFiles files(1024);
  const auto error = files.Open({::testing::TempDir()});
  ASSERT_TRUE(error.has_value());
  EXPECT_THAT(error->message, HasSubstr("Is a directory"));
}

TEST(LinePlace, SurvivesPacking) {
  const LinePlace place{.input = 3, .line = 123'456'789'012};
  const LinePlace back = LinePlace::Unpack(place.Pack());
  EXPECT_EQ(back.input, place.input);
  EXPECT_EQ(back.line, place.line);
}

TEST(BlankLine, IsSpacesAndTabsOnly) {
  std::string blank = " \t ";
  std::string text = " a";
  EXPECT_TRUE(IsBlank({.data = blank.data(), .size = blank.size()}));
  EXPECT_TRUE(IsBlank({.data = blank.data(), .size = 0}));
  EXPECT_FALSE(IsBlank({.data = text.data(), .size = text.size()}));
}

}  // namespace
}  // namespace dispatchctl::cli
