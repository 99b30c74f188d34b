#include "mock-server/recording/redaction.h"

#include <gtest/gtest.h>

#include <string_view>

namespace dispatchctl::mock {
namespace {

struct Case {
  std::string_view key;
  std::string_view value;
  std::string_view shown;
};

class Redaction : public testing::TestWithParam<Case> {};

TEST_P(Redaction, LeavesWhatMayBeShown) {
  EXPECT_EQ(RedactedMetadata(GetParam().key, GetParam().value), GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(
    Metadata, Redaction,
    testing::Values(Case{"user-agent", "grpc-c++/1.51.1", "grpc-c++/1.51.1"},
                    Case{"authorization", "Bearer abc", "[redacted]"},
                    Case{"proxy-authorization", "Basic abc", "[redacted]"},
                    Case{"cookie", "a=b", "[redacted]"}, Case{"set-cookie", "a=b", "[redacted]"},
                    Case{"x-session-token", "abc", "[redacted]"}, Case{"token-bin", "abc", "[redacted]"},
                    Case{"x-api-key", "abc", "[redacted]"}, Case{"client-secret", "abc", "[redacted]"},
                    Case{"db-password", "abc", "[redacted]"}, Case{"x-credentials", "abc", "[redacted]"},
                    Case{"trace-bin", std::string_view("\0\1\2", 3), "[3 bytes]"},
                    Case{"x-mock-session", "s", "s"}, Case{"x-odd", "a\x1b[2Jb\n", "a?[2Jb?"}));

}  // namespace
}  // namespace dispatchctl::mock
