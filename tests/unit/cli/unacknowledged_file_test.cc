#include "output/unacknowledged_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "input/ndjson_update_parser.h"

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

const AssignmentUpdate kUpdate{.assignment_id = "a \"1\"", .courier_id = "c\n", .destination_zone = ""};

TEST(UnacknowledgedFile, IsReadBackByTheParser) {
  const std::string path = ::testing::TempDir() + "unacknowledged.ndjson";
  ASSERT_FALSE(WriteUnacknowledged(path, {{.update = kUpdate, .tag = 1}}).has_value());
  std::string line = ReadFile(path);
  ASSERT_EQ(line.back(), '\n');
  line.pop_back();
  NdjsonUpdateParser parser;
  AssignmentUpdate update;
  ASSERT_TRUE(parser.Parse(line.data(), line.size(), update)) << parser.error();
  EXPECT_EQ(update, kUpdate);
}

TEST(UnacknowledgedFile, ReplacesWhatWasThere) {
  const std::string path = ::testing::TempDir() + "replaced.ndjson";
  std::ofstream(path) << "old";
  ASSERT_FALSE(WriteUnacknowledged(path, {}).has_value());
  EXPECT_EQ(ReadFile(path), "");
}

TEST(UnacknowledgedFile, FailuresNameTheFileAndLeaveNothingBehind) {
  const auto error = WriteUnacknowledged("/nonexistent/file", {});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(ExitCodeOf(*error), 1);
  EXPECT_THAT(error->message, HasSubstr("/nonexistent/file"));

  const std::string directory = ::testing::TempDir() + "unacknowledged_dir";
  std::filesystem::create_directories(directory);
  EXPECT_TRUE(WriteUnacknowledged(directory, {}).has_value());

  const auto full = WriteUnacknowledged("/dev/full", {{.update = kUpdate, .tag = 1}});
  ASSERT_TRUE(full.has_value());
  EXPECT_THAT(full->message, HasSubstr("No space left"));
}

}  // namespace
}  // namespace dispatchctl::cli
