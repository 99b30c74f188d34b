#include "mapping/readiness.h"

#include <gtest/gtest.h>

namespace bff {
namespace {

using dispatchctl::EndpointState;
using dispatchctl::EndpointStatus;

EndpointStatus In(EndpointState state) {
  EndpointStatus endpoint;
  endpoint.address = "10.0.0.1:443";
  endpoint.state = state;
  return endpoint;
}

TEST(ReadinessTest, BeginsWithTheFirstConnection) {
  Readiness readiness;
  EXPECT_FALSE(readiness.Update({}));
  EXPECT_FALSE(readiness.Update({In(EndpointState::kConnecting), In(EndpointState::kTransientFailure)}));
  EXPECT_TRUE(readiness.Update({In(EndpointState::kConnecting), In(EndpointState::kReady)}));
}

TEST(ReadinessTest, HasBegunWhenThereWasAnAnswerThoughNobodyLooked) {
  EndpointStatus endpoint = In(EndpointState::kTransientFailure);
  endpoint.successes = 1;
  EXPECT_TRUE(Readiness().Update({endpoint}));
}

TEST(ReadinessTest, SurvivesAnOutage) {
  Readiness readiness;
  EXPECT_TRUE(readiness.Update({In(EndpointState::kReady)}));
  EXPECT_TRUE(readiness.Update({In(EndpointState::kTransientFailure)}));
}

TEST(ReadinessTest, EndsWithTheShutdown) {
  Readiness readiness;
  EXPECT_TRUE(readiness.Update({In(EndpointState::kReady)}));
  readiness.BeginShutdown();
  EXPECT_FALSE(readiness.Update({In(EndpointState::kReady)}));
  EXPECT_TRUE(readiness.shutting_down());
}

TEST(ReadinessTest, ShowsTheEndpoints) {
  EndpointStatus endpoint = In(EndpointState::kTransientFailure);
  endpoint.last_error = "refused";
  EXPECT_EQ(
      EndpointRecords({endpoint}).dump(),
      R"([{"address":"10.0.0.1:443","state":"transient_failure","breaker":"closed","last_error":"refused"}])");
}

}  // namespace
}  // namespace bff
