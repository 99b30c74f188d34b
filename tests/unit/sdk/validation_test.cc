#include "dispatchctl/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dispatchctl {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST(NormalizeMetadataEntry, LowersTheKey) {
  const auto entry = NormalizeMetadataEntry("X-Trace.Id_1", "abc");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->first, "x-trace.id_1");
  EXPECT_EQ(entry->second, "abc");
}

TEST(NormalizeMetadataEntry, F25RefusesWhatWouldAbortTheProcess) {
  for (const char* key : {"", "a b", "a:b", "\xC3\xA4", "a\n", "a/b"}) {
    EXPECT_EQ(NormalizeMetadataEntry(key, "v").status().code(), absl::StatusCode::kInvalidArgument) << key;
  }
  for (const char* value : {"line\nbreak", "t\xC3\xA4g", "\x7F", "\x01"}) {
    EXPECT_EQ(NormalizeMetadataEntry("k", value).status().code(), absl::StatusCode::kInvalidArgument)
        << value;
  }
}

TEST(NormalizeMetadataEntry, RefusesReservedKeys) {
  for (const char* key :
       {"grpc-timeout", "GRPC-status", "content-type", "te", "user-agent", "host", "connection"}) {
    const auto entry = NormalizeMetadataEntry(key, "v");
    EXPECT_EQ(entry.status().code(), absl::StatusCode::kInvalidArgument) << key;
    EXPECT_THAT(Message(entry.status()), HasSubstr("reserved"));
  }
}

TEST(NormalizeMetadataEntry, TakesAnyBytesForABinaryKey) {
  EXPECT_TRUE(NormalizeMetadataEntry("trace-bin", std::string("\x00\xFF\n", 3)).ok());
}

TEST(NormalizeMetadataEntry, NeverShowsTheValue) {
  const auto entry = NormalizeMetadataEntry("authorization", "Bearer s3cret\n");
  ASSERT_FALSE(entry.ok());
  EXPECT_THAT(Message(entry.status()), Not(HasSubstr("s3cret")));
}

TEST(ValidateId, NamesFieldAndRule) {
  EXPECT_TRUE(ValidateId("courier_id", "courier-42").ok());
  EXPECT_TRUE(ValidateId("courier_id", std::string(kMaxIdBytes, 'x')).ok());
  EXPECT_EQ(Message(ValidateId("courier_id", "")), "courier_id is empty");
  EXPECT_EQ(Message(ValidateId("assignment_id", std::string(kMaxIdBytes + 1, 'x'))),
            "assignment_id has 1025 bytes, more than 1024");
  EXPECT_EQ(Message(ValidateId("courier_id", "\xFF")), "courier_id is not valid UTF-8");
}

TEST(ValidateUpdate, ChecksEveryFieldAndLetsTheZoneBeEmpty) {
  EXPECT_TRUE(ValidateUpdate({"a-1", "c-1", ""}).ok());
  EXPECT_THAT(Message(ValidateUpdate({"", "c-1", "z"})), HasSubstr("assignment_id"));
  EXPECT_THAT(Message(ValidateUpdate({"a-1", "", "z"})), HasSubstr("courier_id"));
  EXPECT_THAT(Message(ValidateUpdate({"a-1", "c-1", "\xC0\x80"})), HasSubstr("destination_zone"));
}

TEST(IsValidUtf8, AcceptsEveryLengthAtEveryOffset) {
  for (std::size_t pad = 0; pad < 17; ++pad) {
    const std::string before(pad, 'x');
    for (const char* text : {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF",
                             "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
      EXPECT_TRUE(IsValidUtf8(before + text + "tail")) << pad;
    }
  }
}

TEST(IsValidUtf8, RefusesWhatRfc3629Does) {
  for (const char* text : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF",
                           "\xED\xA0\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80", "\xFE", "\xFF", "\xF0\x90\x80"}) {
    for (std::size_t pad = 0; pad < 17; ++pad) {
      EXPECT_EQ(FindInvalidUtf8(std::string(pad, 'x') + text), pad) << text;
    }
  }
}

}  // namespace
}  // namespace dispatchctl
