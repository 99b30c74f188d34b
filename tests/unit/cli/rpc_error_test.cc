#include "output/rpc_error.h"

#include <absl/strings/cord.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dispatchctl::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const RpcIdentity kIdentity{.method = "svc/Method", .target = "localhost:1", .tls = false};

CallReport AnsweredReport() {
  CallReport report;
  report.attempts = 1;
  report.endpoint = "127.0.0.1:1";
  report.elapsed = 12'400us;
  report.phase = Phase::kCall;
  report.origin = Origin::kServer;
  return report;
}

TEST(RpcError, CarriesWhatTheCallReports) {
  const ErrorReport error = RpcError(absl::NotFoundError("gone"), AnsweredReport(), kIdentity);
  EXPECT_EQ(error.kind, ErrorKind::kRpc);
  EXPECT_EQ(error.code, absl::StatusCode::kNotFound);
  EXPECT_EQ(error.message, "gone");
  EXPECT_EQ(error.phase, "call");
  EXPECT_EQ(error.origin, Origin::kServer);
  EXPECT_EQ(error.method, "svc/Method");
  EXPECT_EQ(error.target, "localhost:1");
  EXPECT_EQ(error.peer, "127.0.0.1:1");
  EXPECT_EQ(error.attempts, 1);
  EXPECT_DOUBLE_EQ(error.elapsed_ms.value(), 12.4);
}

TEST(RpcError, FileThatKeepsTheCallFromBeingMadeIsConfiguration) {
  CallReport report;
  report.phase = Phase::kArguments;
  const absl::Status status = absl::FailedPreconditionError("token_file: not sent in plaintext");
  for (const ErrorReport& error :
       {RpcError(status, report, kIdentity), LookupError("courier-1", status, report, kIdentity)}) {
    EXPECT_EQ(error.kind, ErrorKind::kConfig);
    EXPECT_EQ(ExitCodeOf(error), 3);
    EXPECT_EQ(error.message, "--token-file: not sent in plaintext");
  }
  EXPECT_EQ(RpcError(status, AnsweredReport(), kIdentity).kind, ErrorKind::kRpc) << "the server's own words";
}

TEST(RpcError, NeverConnectedIsAKindOfItsOwn) {
  for (const Phase phase : {Phase::kResolve, Phase::kConnect, Phase::kTls}) {
    CallReport report;
    report.phase = phase;
    const ErrorReport error = RpcError(absl::UnavailableError("no"), report, kIdentity);
    EXPECT_EQ(error.kind, ErrorKind::kConnect);
    EXPECT_EQ(ExitCodeOf(error), 5);
  }
}

TEST(RpcError, NoAttemptNoPeer) {
  CallReport report = AnsweredReport();
  report.attempts = 0;
  EXPECT_EQ(RpcError(absl::InternalError("x"), report, kIdentity).peer, "");
}

TEST(RpcError, NothingSaidIsSaidSo) {
  EXPECT_THAT(RpcError(absl::Status(absl::StatusCode::kInternal, ""), AnsweredReport(), kIdentity).message,
              HasSubstr("nothing was said"));
}

TEST(RpcError, PayloadsBecomeDetails) {
  absl::Status status = absl::NotFoundError("gone");
  status.SetPayload("type.googleapis.com/x", absl::Cord("raw"));
  const ErrorReport error = RpcError(status, AnsweredReport(), kIdentity);
  ASSERT_EQ(error.details.size(), 1U);
  EXPECT_EQ(error.details[0].first, "type.googleapis.com/x");
  EXPECT_EQ(error.details[0].second, "raw");
}

TEST(LookupError, NamesTheCourierOnce) {
  EXPECT_EQ(
      LookupError("c-9", absl::NotFoundError("courier c-9 not found"), AnsweredReport(), kIdentity).message,
      "courier c-9 not found");
  EXPECT_EQ(LookupError("c-9", absl::NotFoundError("unknown id"), AnsweredReport(), kIdentity).message,
            "courier c-9: unknown id");
  EXPECT_EQ(
      LookupError("c-9", absl::Status(absl::StatusCode::kNotFound, ""), AnsweredReport(), kIdentity).message,
      "courier c-9 not found");
}

TEST(ConnectionWasLost, TellsABrokenConnectionFromAnAnswer) {
  CallReport server = AnsweredReport();
  CallReport local = AnsweredReport();
  local.origin = Origin::kLocal;
  EXPECT_TRUE(ConnectionWasLost(absl::UnavailableError("the server ended the stream"), local));
  EXPECT_TRUE(ConnectionWasLost(absl::UnavailableError("Socket closed"), server));
  EXPECT_TRUE(ConnectionWasLost(absl::UnavailableError("recvmsg:Connection reset by peer"), server));
  EXPECT_FALSE(ConnectionWasLost(absl::UnavailableError("closed for lunch"), server));
  EXPECT_FALSE(ConnectionWasLost(absl::DeadlineExceededError("Socket closed"), local));
  EXPECT_FALSE(ConnectionWasLost(absl::OkStatus(), server));
}

}  // namespace
}  // namespace dispatchctl::cli
