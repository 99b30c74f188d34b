#include "mock-server/recording/redaction.h"

#include <gtest/gtest.h>

#include <string_view>

namespace dispatchctl::mock {
namespace {

struct RedactionCase {
  std::string_view key;
  std::string_view value;
  std::string_view shown;
};

class Redaction : public testing::TestWithParam<RedactionCase> {};

TEST_P(Redaction, LeavesWhatMayBeShown) {
  EXPECT_EQ(RedactedMetadata(GetParam().key, GetParam().value), GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(Metadata, Redaction,
                         testing::Values(RedactionCase{"user-agent", "grpc-c++/1.51.1", "grpc-c++/1.51.1"},
                                         RedactionCase{"authorization", "Bearer abc", "[redacted]"},
                                         RedactionCase{"proxy-authorization", "Basic abc", "[redacted]"},
                                         RedactionCase{"cookie", "a=b", "[redacted]"},
                                         RedactionCase{"set-cookie", "a=b", "[redacted]"},
                                         RedactionCase{"x-session-token", "abc", "[redacted]"},
                                         RedactionCase{"token-bin", "abc", "[redacted]"},
                                         RedactionCase{"x-api-key", "abc", "[redacted]"},
                                         RedactionCase{"client-secret", "abc", "[redacted]"},
                                         RedactionCase{"db-password", "abc", "[redacted]"},
                                         RedactionCase{"x-credentials", "abc", "[redacted]"},
                                         RedactionCase{"trace-bin", std::string_view("\0\1\2", 3),
                                                       "[3 bytes]"},
                                         RedactionCase{"x-mock-session", "s", "s"},
                                         RedactionCase{"x-odd", "a\x1b[2Jb\n", "a?[2Jb?"}));

}  // namespace
}  // namespace dispatchctl::mock
