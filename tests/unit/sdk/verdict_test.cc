#include "call/verdict.h"

#include <gtest/gtest.h>

namespace dispatchctl::internal {
namespace {

Verdict Of(absl::StatusCode code, Origin origin = Origin::kServer, Phase phase = Phase::kCall) {
  return VerdictOf({absl::Status(code, "x"), phase, origin});
}

TEST(Verdict, CountsCallersErrorsAsTheEndpointsSuccesses) {
  for (const auto code :
       {absl::StatusCode::kOk, absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
        absl::StatusCode::kAlreadyExists, absl::StatusCode::kFailedPrecondition,
        absl::StatusCode::kOutOfRange, absl::StatusCode::kPermissionDenied,
        absl::StatusCode::kUnauthenticated, absl::StatusCode::kUnimplemented, absl::StatusCode::kAborted}) {
    EXPECT_EQ(Of(code), Verdict::kSuccess) << absl::StatusCodeToString(code);
  }
}

TEST(Verdict, CountsServersErrorsAsFailures) {
  for (const auto code : {absl::StatusCode::kUnavailable, absl::StatusCode::kInternal,
                          absl::StatusCode::kUnknown, absl::StatusCode::kDataLoss,
                          absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kResourceExhausted}) {
    EXPECT_EQ(Of(code), Verdict::kFailure) << absl::StatusCodeToString(code);
  }
  EXPECT_EQ(Of(absl::StatusCode::kDeadlineExceeded, Origin::kLocal), Verdict::kFailure);
  EXPECT_EQ(Of(absl::StatusCode::kUnavailable, Origin::kLocal), Verdict::kFailure)
      << "a connection that broke";
}

TEST(Verdict, JudgesStreamsLikeCalls) {
  for (const Phase phase : {Phase::kStream, Phase::kDrain}) {
    EXPECT_EQ(Of(absl::StatusCode::kOk, Origin::kServer, phase), Verdict::kSuccess);
    EXPECT_EQ(Of(absl::StatusCode::kUnavailable, Origin::kServer, phase), Verdict::kFailure);
  }
}

TEST(Verdict, LeavesOutWhatSaysNothingOfTheEndpoint) {
  EXPECT_EQ(Of(absl::StatusCode::kCancelled, Origin::kLocal), Verdict::kExcluded);
  EXPECT_EQ(Of(absl::StatusCode::kResourceExhausted, Origin::kLocal), Verdict::kExcluded)
      << "a reply too large for this client";
  for (const Phase phase : {Phase::kArguments, Phase::kResolve, Phase::kConnect, Phase::kTls}) {
    EXPECT_EQ(Of(absl::StatusCode::kUnavailable, Origin::kLocal, phase), Verdict::kExcluded);
  }
}

}  // namespace
}  // namespace dispatchctl::internal
