#include "config/headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr const char* kSecret = "hunter2\x01";

TEST(Headers, KeysAreLoweredAndValuesTrimmed) {
  const auto metadata = ReadHeaders({"X-Request-Id:  abc ", "a:b:c"});
  ASSERT_TRUE(metadata.ok());
  EXPECT_THAT(*metadata, ElementsAre(Pair("x-request-id", "abc"), Pair("a", "b:c")));
}

TEST(Headers, BinaryValuesAreBase64) {
  const auto metadata = ReadHeaders({"trace-bin: AAEC/w=="});
  ASSERT_TRUE(metadata.ok());
  EXPECT_THAT(*metadata, ElementsAre(Pair("trace-bin", std::string("\x00\x01\x02\xff", 4))));
  EXPECT_FALSE(ReadHeaders({"trace-bin: not base64!"}).ok());
}

TEST(Headers, FileHasOneALine) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write("headers.txt", "# comment\n\nauthorization: Bearer x\r\nk: v");
  const auto metadata = ReadHeaders({"first: 1", "@" + file});
  ASSERT_TRUE(metadata.ok());
  EXPECT_THAT(*metadata, ElementsAre(Pair("first", "1"), Pair("authorization", "Bearer x"), Pair("k", "v")));
}

TEST(Headers, BadEntriesNeverRepeatTheValue) {
  for (const std::string& header :
       {std::string(kSecret), std::string("bad key: ") + kSecret, std::string("k: ") + kSecret,
        std::string("grpc-timeout: ") + kSecret, std::string(": ") + kSecret, std::string()}) {
    const auto metadata = ReadHeaders({header});
    ASSERT_FALSE(metadata.ok()) << header;
    EXPECT_EQ(metadata.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(metadata.status().message()), Not(HasSubstr("hunter2")));
  }
}

TEST(Headers, BadFilesAreConfigurationErrorsThatNameTheLine) {
  const TemporaryDirectory directory;
  const auto missing = ReadHeaders({"@/nonexistent/headers"});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kFailedPrecondition);
  const std::string file = directory.Write("headers.txt", std::string("a: b\nk: ") + kSecret + "\n");
  const auto bad = ReadHeaders({"@" + file});
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr(".txt:2:"));
  EXPECT_THAT(std::string(bad.status().message()), Not(HasSubstr("hunter2")));
  EXPECT_EQ(ReadHeaders({"@/"}).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace dispatchctl::cli
