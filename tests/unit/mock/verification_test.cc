#include "mock-server/recording/verification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dispatchctl::mock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

CallEvent Lookup(std::uint64_t call, std::string courier, std::string status = "OK") {
  CallEvent event;
  event.kind = EventKind::kLookup;
  event.call = call;
  event.courier_id = std::move(courier);
  event.status = std::move(status);
  return event;
}

CallEvent Stream(std::uint64_t call, std::string status = "OK") {
  CallEvent event;
  event.kind = EventKind::kAssign;
  event.call = call;
  event.status = std::move(status);
  return event;
}

CallEvent Update(std::uint64_t call, std::uint64_t number, std::string assignment) {
  CallEvent event;
  event.kind = EventKind::kUpdate;
  event.call = call;
  event.update = number;
  event.assignment_id = std::move(assignment);
  event.courier_id = "courier-42";
  event.zone = "zone-7";
  return event;
}

Verification Check(const std::vector<CallEvent>& events, const std::vector<std::string>& texts,
                   VerifyOptions options = {}, bool dropped = false) {
  std::vector<Expectation> expectations;
  for (const std::string& text : texts) {
    const auto expectation = ParseExpectation(text);
    EXPECT_TRUE(expectation.ok()) << expectation.status();
    if (expectation.ok()) expectations.push_back(*expectation);
  }
  return Verify(events, expectations, options, dropped);
}

struct BadText {
  const char* text;
  const char* error;
};

class BadExpectation : public testing::TestWithParam<BadText> {};

TEST_P(BadExpectation, NamesTheWordAndWhatIsAllowed) {
  const auto expectation = ParseExpectation(GetParam().text);
  ASSERT_FALSE(expectation.ok());
  EXPECT_EQ(expectation.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(expectation.status().message()), HasSubstr(GetParam().error));
  EXPECT_THAT(std::string(expectation.status().message()),
              testing::StartsWith(std::string("expectation '") + GetParam().text + "': "));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadExpectation,
    testing::Values(BadText{"", "'' is nothing to expect; use lookup, assign or update"},
                    BadText{"look", "'look' is nothing to expect"}, BadText{"lookup,", "'' is not key=value"},
                    BadText{"lookup,courier_id", "'courier_id' is not key=value"},
                    BadText{"lookup,courier_id=", "courier_id is empty"},
                    BadText{"lookup,courier=c", "'courier' is not known; use courier_id"},
                    BadText{"lookup,zone=z", "zone is for update; this is about lookup"},
                    BadText{"assign,assignment_id=a", "assignment_id is for update; this is about assign"},
                    BadText{"assign,courier_id=c", "courier_id is for lookup and update"},
                    BadText{"update,status=OK", "status is for lookup and assign"},
                    BadText{"lookup,status=ok", "status: 'ok' is not a status; use a name such as OK"},
                    BadText{"lookup,listen=one", "listen: 'one' is not the index of a backend"},
                    BadText{"lookup,count=", "count is empty"},
                    BadText{"lookup,count=..", "count: '..' is not a count"},
                    BadText{"lookup,count=3..1", "count: '3..1' is not a count; use for example 2, 1.., ..3"},
                    BadText{"lookup,count=1,count=2", "count is given twice"}));

TEST(Verification, CountsWhatIsSelected) {
  const std::vector<CallEvent> events = {Lookup(1, "courier-1"), Lookup(2, "courier-2", "NOT_FOUND"),
                                         Stream(3), Update(3, 1, "a-1"), Update(3, 2, "a-2")};
  EXPECT_TRUE(Check(events, {"lookup,count=2", "lookup,courier_id=courier-1,count=1",
                             "lookup,courier_id=courier-[12],count=2..", "lookup,status=NOT_FOUND,count=1",
                             "assign,count=1", "update,assignment_id=a-*,zone=zone-7,count=..2",
                             "update,courier_id=courier-1,count=0", "lookup,listen=1,count=0"})
                  .holds);
}

TEST(Verification, ShowsWhatWasExpectedBesideWhatCame) {
  const Verification verification =
      Check({Lookup(1, "courier-1")}, {"lookup,courier_id=courier-1,count=2", "lookup", "update,count=1..3"});
  EXPECT_FALSE(verification.holds);
  ASSERT_THAT(verification.findings, SizeIs(3));
  EXPECT_EQ(verification.findings[0].expected, "lookup,courier_id=courier-1,count=2: 2");
  EXPECT_EQ(verification.findings[0].actual, "1");
  EXPECT_FALSE(verification.findings[0].holds);
  EXPECT_EQ(verification.findings[1].expected, "lookup: at least 1");
  EXPECT_TRUE(verification.findings[1].holds);
  EXPECT_EQ(verification.findings[2].expected, "update,count=1..3: 1 to 3");
  EXPECT_EQ(verification.Complaints(),
            "expected lookup,courier_id=courier-1,count=2: 2, got 1\n"
            "expected update,count=1..3: 1 to 3, got 0\n");
}

TEST(Verification, HoldsTheOrder) {
  const std::vector<CallEvent> events = {Lookup(1, "a"), Lookup(2, "b"), Lookup(3, "b"), Lookup(4, "c")};
  EXPECT_TRUE(Check(events, {"lookup,courier_id=a", "lookup,courier_id=b,count=2", "lookup,courier_id=c"},
                    {.in_order = true})
                  .holds);
  const Verification broken =
      Check(events, {"lookup,courier_id=c", "lookup,courier_id=b,count=2"}, {.in_order = true});
  EXPECT_FALSE(broken.holds);
  EXPECT_EQ(broken.Complaints(),
            "expected in this order, got 'lookup,courier_id=b,count=2': only 0 of 2 after lookup of 'c' "
            "(call 4)\n");
  EXPECT_TRUE(Check(events, {"lookup,courier_id=c", "lookup,courier_id=b,count=2"}).holds);
}

TEST(Verification, NamesWhatWasNotExpectedAndWhatCameNearest) {
  const Verification verification = Check({Lookup(1, "courier-1"), Lookup(2, "courier-9", "NOT_FOUND")},
                                          {"lookup,courier_id=courier-1,count=1",
                                           "lookup,courier_id=courier-8,status=OK,count=0", "assign,count=0"},
                                          {.nothing_else = true});
  EXPECT_FALSE(verification.holds);
  EXPECT_EQ(verification.unexpected_count, 1U);
  EXPECT_THAT(
      verification.unexpected,
      ElementsAre(
          "lookup of 'courier-9' (call 2); nearest: "
          "'lookup,courier_id=courier-1,count=1': courier_id is 'courier-9', expected 'courier-1'; "
          "'lookup,courier_id=courier-8,status=OK,count=0': courier_id is 'courier-9', expected 'courier-8', "
          "status is NOT_FOUND, expected OK; 'assign,count=0': is lookup, expected assign"));
  EXPECT_THAT(Check({Lookup(1, "c")}, {}, {.nothing_else = true}).unexpected,
              ElementsAre("lookup of 'c' (call 1); nothing was expected"));
}

TEST(Verification, TakesAStreamAndItsUpdatesTogether) {
  const std::vector<CallEvent> events = {Stream(1), Update(1, 1, "a-1"), Update(1, 2, "a-2")};
  EXPECT_TRUE(Check(events, {"assign,count=1"}, {.nothing_else = true}).holds);
  EXPECT_TRUE(Check(events, {"update,count=2"}, {.nothing_else = true}).holds);
  EXPECT_THAT(
      Check(events, {"assign", "update,assignment_id=a-1"}, {.nothing_else = true}).unexpected,
      ElementsAre(HasSubstr("update 'a-2' of 'courier-42' to 'zone-7' (call 1, update 2); nearest: ")));
  EXPECT_THAT(Check({Stream(1)}, {"update,count=0"}, {.nothing_else = true}).unexpected, SizeIs(1));
}

TEST(Verification, ListsNoMoreThanTwenty) {
  std::vector<CallEvent> events;
  for (std::uint64_t i = 1; i <= 30; ++i) events.push_back(Lookup(i, "c"));
  const Verification verification = Check(events, {}, {.nothing_else = true});
  EXPECT_THAT(verification.unexpected, SizeIs(20));
  EXPECT_EQ(verification.unexpected_count, 30U);
  EXPECT_THAT(verification.Complaints(), testing::EndsWith("and 10 more unexpected\n"));
}

TEST(Verification, DoesNotVouchForWhatWasDropped) {
  const Verification verification = Check({Lookup(1, "c")}, {"lookup"}, {}, true);
  EXPECT_FALSE(verification.holds);
  EXPECT_THAT(verification.Complaints(), HasSubstr("some were dropped"));
}

TEST(Verification, OfNothingHolds) {
  EXPECT_TRUE(Check({}, {}, {.in_order = true, .nothing_else = true}).holds);
  EXPECT_THAT(Check({}, {}).Complaints(), IsEmpty());
}

}  // namespace
}  // namespace dispatchctl::mock
