#include "dispatchctl/call_report.h"

#include <gtest/gtest.h>

#include "call/retryable.h"

namespace dispatchctl {
namespace {

TEST(Names, AreThoseOfTheCommandLinesErrors) {
  EXPECT_EQ(PhaseName(Phase::kArguments), "args");
  EXPECT_EQ(PhaseName(Phase::kResolve), "resolve");
  EXPECT_EQ(PhaseName(Phase::kConnect), "connect");
  EXPECT_EQ(PhaseName(Phase::kTls), "tls");
  EXPECT_EQ(PhaseName(Phase::kCall), "call");
  EXPECT_EQ(PhaseName(Phase::kStream), "stream");
  EXPECT_EQ(PhaseName(Phase::kDrain), "drain");
  EXPECT_EQ(OriginName(Origin::kLocal), "local");
  EXPECT_EQ(OriginName(Origin::kServer), "server");
}

TEST(IsRetryable, FollowsTheCodeUnlessTheCertificateWasRefused) {
  EXPECT_TRUE(internal::IsRetryable(absl::StatusCode::kAborted, Phase::kCall, Origin::kServer));
  EXPECT_FALSE(internal::IsRetryable(absl::StatusCode::kUnavailable, Phase::kArguments, Origin::kLocal));
  EXPECT_TRUE(internal::IsRetryable(absl::StatusCode::kUnavailable, Phase::kConnect, Origin::kLocal));
  EXPECT_TRUE(internal::IsRetryable(absl::StatusCode::kUnavailable, Phase::kConnect, Origin::kServer));
  EXPECT_TRUE(internal::IsRetryable(absl::StatusCode::kDeadlineExceeded, Phase::kCall, Origin::kServer));
  EXPECT_FALSE(internal::IsRetryable(absl::StatusCode::kUnavailable, Phase::kTls, Origin::kServer));
  EXPECT_FALSE(internal::IsRetryable(absl::StatusCode::kNotFound, Phase::kCall, Origin::kServer));
  EXPECT_FALSE(internal::IsRetryable(absl::StatusCode::kInternal, Phase::kCall, Origin::kServer));
  EXPECT_TRUE(internal::IsRetryable(absl::StatusCode::kResourceExhausted, Phase::kCall, Origin::kServer));
  EXPECT_FALSE(internal::IsRetryable(absl::StatusCode::kResourceExhausted, Phase::kCall, Origin::kLocal));
}

}  // namespace
}  // namespace dispatchctl
