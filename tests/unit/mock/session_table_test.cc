#include "mock-server/sessions/session_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace dispatchctl::mock {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

SessionStart Start() {
  SessionStart start;
  start.directory = std::make_shared<InMemoryCourierDirectory>(BuiltInFleet());
  start.record_bytes = 10'000;
  return start;
}

bool IsReplay(Session& session, std::string_view assignment_id) {
  return session.dispatcher()
      .Review({.assignment_id = assignment_id, .courier_id = "courier-42", .destination_zone = "z"}, "l")
      ->replay;
}

TEST(SessionTable, HasTheUnnamedOneAlways) {
  SessionTable table(Start(), 0);
  EXPECT_EQ(table.Find("").get(), &table.unnamed());
  EXPECT_EQ(table.Find("a"), nullptr);
}

TEST(SessionTable, KeepsDecisionsFaultsAndCallsApart) {
  SessionTable table(Start(), 4);
  const auto a = table.Find("a");
  const auto b = table.Find("b");
  EXPECT_EQ(table.Find("a"), a);
  EXPECT_FALSE(IsReplay(*a, "a-1"));
  EXPECT_TRUE(IsReplay(*a, "a-1"));
  EXPECT_FALSE(IsReplay(*b, "a-1"));
  EXPECT_FALSE(IsReplay(table.unnamed(), "a-1"));
  a->faults().Set({*ParseFault("hang")});
  EXPECT_TRUE(a->faults().active());
  EXPECT_FALSE(b->faults().active());
  const auto call = a->log()->Begin(Method::kLookup, 0, "p", {});
  EXPECT_THAT(a->log()->calls().calls, SizeIs(1));
  EXPECT_THAT(b->log()->calls().calls, IsEmpty());
}

TEST(SessionTable, LetsGoOfTheOneNotAskedForTheLongest) {
  SessionTable table(Start(), 2);
  const auto a = table.Find("a");
  const std::weak_ptr<Session> b = table.Find("b");
  table.Find("a");
  table.Find("c");
  EXPECT_THAT(table.names(), ElementsAre("c", "a"));
  EXPECT_TRUE(b.expired());
  EXPECT_EQ(table.Find("a"), a);
}

TEST(SessionTable, ResetsOneAlone) {
  SessionStart start = Start();
  start.faults = {*ParseFault("status=ABORTED,first=1"), *ParseFault("refuse")};
  start.scenarios = ParseScenarios("scenario lookup,courier_id=s\nexpect\nlatency=1ms\n", "f");
  SessionTable table(start, 2);
  const auto a = table.Find("a");
  const auto b = table.Find("b");
  // A connection belongs to no session.
  EXPECT_THAT(a->faults().Counts(), SizeIs(1));
  EXPECT_THAT(table.unnamed().faults().Counts(), SizeIs(2));
  for (Session* session : {a.get(), b.get()}) {
    EXPECT_FALSE(IsReplay(*session, "a-1"));
    EXPECT_NE(session->faults().OnLookup(0, "c"), nullptr);
    EXPECT_NE(session->faults().OnLookup(0, "s"), nullptr);
    EXPECT_EQ(session->faults().OnLookup(0, "s"), nullptr);
  }
  table.Reset(*a);
  EXPECT_FALSE(IsReplay(*a, "a-1"));
  EXPECT_TRUE(IsReplay(*b, "a-1"));
  EXPECT_NE(a->faults().OnLookup(0, "c"), nullptr);
  EXPECT_NE(a->faults().OnLookup(0, "s"), nullptr);
  EXPECT_EQ(b->faults().OnLookup(0, "c"), nullptr);
}

TEST(SessionTable, ResetsAll) {
  SessionTable table(Start(), 2);
  const auto a = table.Find("a");
  EXPECT_FALSE(IsReplay(table.unnamed(), "a-1"));
  table.ResetAll();
  EXPECT_THAT(table.names(), IsEmpty());
  EXPECT_FALSE(IsReplay(table.unnamed(), "a-1"));
  // Whoever still has it may use it.
  EXPECT_FALSE(IsReplay(*a, "a-1"));
}

}  // namespace
}  // namespace dispatchctl::mock
