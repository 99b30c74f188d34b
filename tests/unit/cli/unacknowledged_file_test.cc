#include "output/unacknowledged_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "input/ndjson_update_parser.h"
#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;

const AssignmentUpdate kUpdate{.assignment_id = "a \"1\"", .courier_id = "c\n", .destination_zone = ""};

TEST(UnacknowledgedFile, IsReadBackByTheParser) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("unacknowledged.ndjson");
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
  const TemporaryDirectory directory;
  const std::string path = directory.Write("replaced.ndjson", "old");
  ASSERT_FALSE(WriteUnacknowledged(path, {}).has_value());
  EXPECT_EQ(ReadFile(path), "");
}

TEST(UnacknowledgedFile, FailuresNameTheFileAndLeaveNothingBehind) {
  const auto error = WriteUnacknowledged("/nonexistent/file", {});
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(ExitCodeOf(*error), 1);
  EXPECT_THAT(error->message, HasSubstr("/nonexistent/file"));

  const TemporaryDirectory directory;
  EXPECT_TRUE(WriteUnacknowledged(directory.path(), {}).has_value());

  const auto full = WriteUnacknowledged("/dev/full", {{.update = kUpdate, .tag = 1}});
  ASSERT_TRUE(full.has_value());
  EXPECT_THAT(full->message, HasSubstr("No space left"));
}

}  // namespace
}  // namespace dispatchctl::cli
