#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/wire/mock/test_client.h"

namespace dispatchctl::mock {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::unique_ptr<MockServer> StartWith(std::string_view text) {
  ScenarioFile file = ParseScenarios(text, "play");
  EXPECT_THAT(file.errors, IsEmpty());
  MockServerOptions options;
  options.scenarios = std::move(file);
  return StartServer(std::move(options));
}

TEST(Scenario, AnswersLookupsStepByStep) {
  const auto server = StartWith(R"(
scenario lookup
  expect courier_id=courier-42
    status=RESOURCE_EXHAUSTED,message=later
  expect courier_id=courier-42
    latency=30ms
    reply transport_mode=tandem
  expect courier_id=new-*
    reply availability=busy
  expect courier_id=courier-42
)");
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(Text(client.Lookup("courier-42")), "8: later");
  dispatchpb::CourierStatusReply reply;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Text(client.Lookup("courier-42", &reply)), "OK");
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(30));
  EXPECT_EQ(reply.transport_mode(), "tandem");
  EXPECT_EQ(reply.current_zone(), "zone-7");
  EXPECT_EQ(Text(client.Lookup("new-1", &reply)), "OK");
  EXPECT_EQ(reply.courier_id(), "new-1");
  EXPECT_EQ(reply.transport_mode(), "");
  EXPECT_EQ(reply.availability(), "busy");
  EXPECT_EQ(Text(client.Lookup("courier-1")),
            "9: scenario play:10: courier_id is 'courier-1', expected 'courier-42'");
  EXPECT_EQ(Text(client.Lookup("courier-42", &reply)), "OK");
  EXPECT_EQ(reply.transport_mode(), "bike");
}

TEST(Scenario, AnswersAStreamStepByStep) {
  const auto server = StartWith(R"(
scenario assign,first=1
  expect assignment_id=a-1
  expect assignment_id=a-2
    drop-result=1
  expect assignment_id=a-3
    unknown-id=1
    reply accepted=false
  expect
    duplicate=1
  expect zone=zone-7
    status=UNAVAILABLE,message=that was it
)");
  TestClient client(server->addresses()[0]);
  std::vector<dispatchpb::AssignmentUpdate> updates;
  for (int i = 1; i <= 6; ++i) updates.push_back(MakeUpdate("a-" + std::to_string(i)));
  EXPECT_THAT(Exchange(client, updates),
              ElementsAre("a-1+", "mock-unknown-play:6+", "a-3-", "a-4+", "a-4+", "14: that was it"));
  EXPECT_THAT(Exchange(client, {MakeUpdate("b-1")}), ElementsAre("b-1+", "OK"));
}

TEST(Scenario, EndsAStreamThatGoesAnotherWay) {
  const auto server = StartWith("scenario assign\nexpect assignment_id=a-1\nexpect assignment_id=a-2\n");
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1"), MakeUpdate("a-3")}),
              ElementsAre("a-1+", "9: scenario play:3: assignment_id is 'a-3', expected 'a-2'"));
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1"), MakeUpdate("a-2"), MakeUpdate("a-3")}),
              ElementsAre("a-1+", "a-2+", "a-3+", "OK"));
}

TEST(Scenario, EndsAStreamWellWithUpdatesUnanswered) {
  const auto server = StartWith("scenario assign,first=1\nexpect\nexpect\nclean-close-after=0\n");
  TestClient client(server->addresses()[0]);
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1"), MakeUpdate("a-2"), MakeUpdate("a-3")}),
              ElementsAre("a-1+", "OK"));
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-2")}), ElementsAre("a-2+", "OK"));
}

TEST(Scenario, ForABackendThatIsNotThereIsRefused) {
  MockServerOptions options;
  options.scenarios = ParseScenarios("scenario lookup,listen=1\nexpect\n", "play");
  EXPECT_EQ(MockServer::Start(options).status(),
            absl::InvalidArgumentError("scenario play:1: listen: there is no backend 1; use 0 to 0"));
}

TEST(Scenario, WithErrorsIsRefused) {
  MockServerOptions options;
  options.scenarios = ParseScenarios("scenario lookup\nexpect\nexplode\n", "play");
  EXPECT_THAT(std::string(MockServer::Start(options).status().message()),
              testing::StartsWith("play:3: fault 'explode'"));
}

TEST(Scenario, ThatIsStrictTellsWhatCameNearest) {
  const auto server = StartWith(R"(
strict
scenario lookup,courier_id=courier-4*
  expect
scenario assign,first=1
  expect assignment_id=a-1
)");
  TestClient client(server->addresses()[0]);
  EXPECT_EQ(Text(client.Lookup("courier-7")),
            "9: no scenario is for this lookup of 'courier-7'; nearest: "
            "play:3: courier_id is 'courier-7', expected 'courier-4*'; play:5: it is for assign");
  EXPECT_EQ(Text(client.Lookup("courier-42")), "OK");
  EXPECT_EQ(Text(client.Lookup("courier-42")),
            "9: no scenario is for this lookup of 'courier-42'; nearest: "
            "play:3: its 1 steps are all taken; play:5: it is for assign");
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-1"), MakeUpdate("a-2")}),
              ElementsAre("a-1+",
                          "9: scenario play:5: its 1 steps are all taken; update 2 has assignment_id "
                          "'a-2', courier_id 'courier-42'"));
  EXPECT_THAT(
      Exchange(client, {MakeUpdate("a-1")}),
      ElementsAre("9: no scenario is for this stream; nearest: play:5: 'assign,first=1' does not take "
                  "this one; play:3: it is for lookup"));
}

TEST(Scenario, CanBeReplacedWhileAStreamGoesOnWithItsOwn) {
  const auto server = StartWith("scenario assign\nexpect\nexpect\nreply accepted=false\n");
  TestClient client(server->addresses()[0]);
  TestStream stream(client);
  dispatchpb::AssignmentResult result;
  ASSERT_TRUE(stream.Write(MakeUpdate("a-1")));
  ASSERT_TRUE(stream.Read(result));
  EXPECT_TRUE(result.accepted());
  ASSERT_TRUE(
      server->SetScenarios(ParseScenarios("scenario lookup\nexpect\nstatus=ABORTED,message=new\n", "n"))
          .ok());
  ASSERT_TRUE(stream.Write(MakeUpdate("a-2")));
  ASSERT_TRUE(stream.Read(result));
  EXPECT_FALSE(result.accepted());
  stream.HalfClose();
  EXPECT_EQ(Text(stream.Finish()), "OK");
  EXPECT_EQ(Text(client.Lookup("courier-1")), "10: new");
  EXPECT_EQ(server->SetScenarios(ParseScenarios("expect\n", "n")),
            absl::InvalidArgumentError("n:1: 'expect' stands before the first scenario"));
  EXPECT_TRUE(server->SetScenarios({}).ok());
  EXPECT_THAT(Exchange(client, {MakeUpdate("a-3"), MakeUpdate("a-4")}), ElementsAre("a-3+", "a-4+", "OK"));
}

}  // namespace
}  // namespace dispatchctl::mock
