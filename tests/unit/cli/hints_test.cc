#include "output/hints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;

struct Case {
  HintQuestion question;
  std::string_view hint;  // empty: none

  friend void PrintTo(const Case& one, std::ostream* out) {
    *out << absl::StatusCodeToString(one.question.code) << " " << one.question.message;
  }
};

class Hint : public ::testing::TestWithParam<Case> {};

TEST_P(Hint, FitsTheFailure) {
  HintQuestion question = GetParam().question;
  question.target = "host:7";
  if (GetParam().hint.empty()) {
    EXPECT_EQ(HintFor(question), "");
  } else {
    EXPECT_THAT(HintFor(question), HasSubstr(GetParam().hint));
  }
}

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

INSTANTIATE_TEST_SUITE_P(
    All, Hint,
    ::testing::Values(
        Case{{.phase = Phase::kConnect, .code = kUnavailable, .message = "Connection refused"},
             "is the server running at host:7?"},
        Case{{.phase = Phase::kConnect, .code = kUnavailable, .message = "connection refused", .tls = true},
             "is the server running at host:7?"},
        Case{{.phase = Phase::kConnect, .code = kUnavailable, .message = "No such file or directory"},
             "is the server running"},
        Case{{.phase = Phase::kConnect, .code = kUnavailable, .message = "Network is unreachable"},
             "network"},
        Case{{.phase = Phase::kConnect, .code = kUnavailable, .message = "connection attempt timed out"},
             "--connect-timeout"},
        Case{{.phase = Phase::kConnect,
              .code = kUnavailable,
              .message = "timed out waiting for the server's HTTP/2 settings"},
             "try --tls"},
        Case{{.phase = Phase::kConnect,
              .code = kUnavailable,
              .message = "the server closed the connection during the HTTP/2 handshake"},
             "try --tls"},
        Case{{.phase = Phase::kConnect, .code = kUnavailable, .message = "Connection reset by peer"},
             "try --tls"},
        Case{{.phase = Phase::kTls, .code = kUnavailable, .message = "SSL WRONG_VERSION_NUMBER", .tls = true},
             "try --plaintext"},
        Case{{.phase = Phase::kTls, .code = kUnavailable, .message = "wrong version number", .tls = true},
             "try --plaintext"},
        Case{
            {.phase = Phase::kTls, .code = kUnavailable, .message = "certificate verify failed", .tls = true},
            "--cacert"},
        Case{{.phase = Phase::kTls,
              .code = kUnavailable,
              .message = "Peer name x is not in peer certificate",
              .tls = true},
             "--server-name"},
        Case{{.phase = Phase::kTls, .code = kUnavailable, .message = "certificate has expired", .tls = true},
             "out of date"},
        Case{{.phase = Phase::kTls,
              .code = kUnavailable,
              .message = "alert certificate required",
              .tls = true},
             "--cert"},
        Case{{.phase = Phase::kTls, .code = kUnavailable, .message = "no ALPN", .tls = true}, "HTTP/2"},
        Case{{.phase = Phase::kTls, .code = kUnavailable, .message = "something else", .tls = true},
             "--plaintext"},
        Case{{.phase = Phase::kResolve, .code = kUnavailable, .message = "no such host"}, "check the name"},
        Case{{.code = absl::StatusCode::kUnimplemented}, "does not offer this method"},
        Case{{.code = absl::StatusCode::kUnauthenticated}, "--token-file FILE"},
        Case{{.code = absl::StatusCode::kUnauthenticated, .token_file = "/run/token"},
             "does not accept the token in /run/token"},
        Case{{.code = absl::StatusCode::kPermissionDenied}, "does not allow"},
        Case{{.code = absl::StatusCode::kDeadlineExceeded}, "--timeout"},
        Case{{.code = absl::StatusCode::kResourceExhausted,
              .message = "Received message larger than max (5 vs. 4)"},
             "--max-recv-bytes"},
        Case{{.code = absl::StatusCode::kResourceExhausted,
              .message = "received initial metadata size exceeds limit"},
             "8 KiB"},
        Case{{.code = absl::StatusCode::kResourceExhausted, .message = "slow down"}, "try again later"},
        Case{{.code = absl::StatusCode::kUnknown,
              .message =
                  "the call ended without a status: what came is not gRPC (gave up after 4 attempts: no "
                  "attempts left)"},
             "is it a Dispatch service that listens at host:7?"},
        Case{{.code = kUnavailable, .message = "Socket closed"}, "try again"},
        Case{{.phase = Phase::kConnect,
              .code = absl::StatusCode::kDeadlineExceeded,
              .message = "no connection to host:7 within 1s"},
             "--connect-timeout"},
        Case{{.code = kUnavailable, .message = "circuit breakers open for a:1 (gone), b:2"},
             "for a few seconds"},
        Case{
            {.code = kUnavailable, .message = "gone (gave up after 2 attempts: the retry budget is used up)"},
            "add to the load"},
        Case{{.code = kUnavailable,
              .message = "gone (gave up after 1 attempt: too many retries are under way)"},
             "add to the load"},
        Case{{.code = kUnavailable,
              .message = "busy (gave up after 1 attempt: the server asked not to retry)"},
             "wants no retries"},
        Case{{.code = kUnavailable,
              .message = "gone (gave up after 2 attempts: the next attempt would start after the deadline)"},
             "--timeout"},
        Case{{.code = kUnavailable, .message = "gone (gave up after 4 attempts: no attempts left)"},
             "--max-attempts"},
        Case{{.code = absl::StatusCode::kDeadlineExceeded,
              .message = "no answer from a:1 within 50ms (gave up after 4 attempts: no attempts left)"},
             "--attempt-timeout"},
        Case{{.code = absl::StatusCode::kNotFound}, ""}, Case{{.code = absl::StatusCode::kInternal}, ""}));

}  // namespace
}  // namespace dispatchctl::cli
