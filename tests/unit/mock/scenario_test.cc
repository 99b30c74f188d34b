#include "mock-server/faults/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "mock-server/faults/fault_engine.h"

namespace dispatchctl::mock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

ScenarioFile ParsedScenario(std::string_view text) {
  ScenarioFile file = ParseScenarios(text, "f");
  EXPECT_THAT(file.errors, IsEmpty());
  return file;
}

TEST(ScenarioFile, HasScenariosOfSteps) {
  const auto [scenarios, strict, errors] = ParsedScenario(
      "# Overloaded, then well.\n"
      "\n"
      "scenario lookup,courier_id=courier-4*,listen=1\n"
      "  expect courier_id=courier-42\r\n"
      "    status=RESOURCE_EXHAUSTED,pushback=500ms\n"
      "  expect\n"
      "    latency=50ms\n"
      "    reply transport_mode=tandem,current_zone=\n"
      "scenario assign,first=1\n"
      "\theaders=1KiB\n"
      "\texpect assignment_id=a-*,courier_id=c,zone=zone-?\n"
      "\texpect\n"
      "\tclean-close-after=0");
  EXPECT_FALSE(strict);
  ASSERT_THAT(scenarios, SizeIs(2));
  EXPECT_EQ(scenarios[0].where, "f:3");
  EXPECT_EQ(scenarios[0].selection.method, Method::kLookup);
  EXPECT_EQ(scenarios[0].selection.courier_id, "courier-4*");
  EXPECT_EQ(scenarios[0].selection.listen, 1U);
  ASSERT_THAT(scenarios[0].steps, SizeIs(2));
  EXPECT_EQ(scenarios[0].steps[0].where, "f:4");
  EXPECT_EQ(scenarios[0].steps[0].courier_id, "courier-42");
  ASSERT_THAT(scenarios[0].steps[0].faults, SizeIs(1));
  EXPECT_EQ(scenarios[0].steps[0].faults[0].pushback, "500");
  EXPECT_EQ(scenarios[0].steps[1].courier_id, "");
  EXPECT_EQ(scenarios[0].steps[1].faults[0].latency, std::chrono::milliseconds(50));
  EXPECT_THAT(scenarios[0].steps[1].reply,
              ElementsAre(Pair("transport_mode", "tandem"), Pair("current_zone", "")));
  EXPECT_EQ(scenarios[1].selection.method, Method::kAssign);
  EXPECT_EQ(scenarios[1].selection.first, 1U);
  ASSERT_THAT(scenarios[1].faults, SizeIs(1));
  ASSERT_THAT(scenarios[1].steps, SizeIs(2));
  EXPECT_EQ(scenarios[1].steps[0].assignment_id, "a-*");
  EXPECT_EQ(scenarios[1].steps[0].courier_id, "c");
  EXPECT_EQ(scenarios[1].steps[0].zone, "zone-?");
}

struct BadFile {
  const char* text;
  const char* error;
};

class BadScenarioFile : public testing::TestWithParam<BadFile> {};

TEST_P(BadScenarioFile, NamesTheLineAndTheReason) {
  EXPECT_THAT(ParseScenarios(GetParam().text, "dir/f").errors, ElementsAre(HasSubstr(GetParam().error)));
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadScenarioFile,
    testing::Values(
        BadFile{"", "dir/f:1: there is no scenario"},
        BadFile{"# nothing\n\n", "dir/f:2: there is no scenario"},
        BadFile{"expect\n", "dir/f:1: 'expect' stands before the first scenario"},
        BadFile{"strict yes\nscenario lookup\nexpect", "dir/f:1: strict stands alone"},
        BadFile{"scenario lookup\nexpect\nstrict", "dir/f:3: strict is for the whole file"},
        BadFile{"scenario\nexpect", "dir/f:1: method: '' is not a method; use lookup or assign"},
        BadFile{"scenario both\nexpect", "dir/f:1: method: 'both' is not a method; use lookup or assign"},
        BadFile{"scenario lookup,frist=1\nexpect", "dir/f:1: 'frist' is not known; use method"},
        BadFile{"scenario lookup,zone=z\nexpect",
                "dir/f:1: assignment_id, zone and nth-message are for streams"},
        BadFile{"scenario assign,courier_id=c\nexpect", "dir/f:1: courier_id, assignment_id"},
        BadFile{"scenario lookup\n\nscenario assign\nexpect",
                "dir/f:1: the scenario has no step; add an expect"},
        BadFile{"scenario lookup", "dir/f:1: the scenario has no step; add an expect"},
        BadFile{"scenario lookup\nexpect zone=z", "dir/f:2: expect: 'zone' is not known; use courier_id"},
        BadFile{"scenario assign\nexpect zone", "dir/f:2: 'zone' is not key=value"},
        BadFile{"scenario assign\nexpect zone=", "dir/f:2: expect: zone is empty"},
        BadFile{"scenario assign\nexpect zone=a,zone=b", "dir/f:2: zone is given twice"},
        BadFile{"scenario lookup\nexpect\nexplode", "dir/f:3: fault 'explode': 'explode' is not a fault"},
        BadFile{"scenario lookup\nexpect\nlatency=5", "dir/f:3: fault 'latency=5': latency: '5' has no unit"},
        BadFile{"scenario lookup\nexpect\nhang,first=1",
                "dir/f:3: fault 'hang,first=1': a step happens once"},
        BadFile{"scenario lookup\nexpect\nduplicate=1", "the fault is for streams"},
        BadFile{"scenario lookup\nhang\nexpect", "dir/f:2: fault 'hang' stands before the first expect"},
        BadFile{"scenario assign\nduplicate=1\nexpect",
                "dir/f:2: fault 'duplicate=1' is not one for a whole stream"},
        BadFile{"scenario assign\nexpect\nduplicate=2", "a step has one result; use =1"},
        BadFile{"scenario assign\nexpect\nclean-close-after=2", "in a step use clean-close-after=0"},
        BadFile{"scenario assign\nexpect\nheaders=1KiB", "put it before the first expect"},
        BadFile{"scenario assign\nexpect\nblackhole", "the fault is not one for a step"},
        BadFile{"scenario assign\nreply accepted=true\nexpect",
                "dir/f:2: reply stands before the first expect"},
        BadFile{"scenario assign\nexpect\nreply", "dir/f:3: reply needs a field"},
        BadFile{"scenario assign\nexpect\nreply zone=z",
                "reply: 'zone' is not a field of the answer; use assignment_id"},
        BadFile{"scenario lookup\nexpect\nreply accepted=true",
                "is not a field of the answer; use courier_id"},
        BadFile{"scenario assign\nexpect\nreply accepted=yes", "accepted: 'yes' is neither true nor false"}));

TEST(ScenarioFile, TellsAllErrorsByLine) {
  EXPECT_THAT(ParseScenarios("scenario lookup\nscenario assign\nexpect\nexplode\nhang,nth=1\n", "f").errors,
              ElementsAre(HasSubstr("f:1: "), HasSubstr("f:4: "), HasSubstr("f:5: ")));
}

TEST(ScenarioFile, ThatCannotBeReadIsNamed) {
  EXPECT_EQ(LoadScenarios("/nonexistent/file").status(),
            absl::InvalidArgumentError("/nonexistent/file: No such file or directory"));
}

TEST(ScenarioPlay, GivesEachLookupTheNextStep) {
  FaultEngine engine(1, ParsedScenario("scenario lookup,courier_id=c-*\n"
                                       "expect\nstatus=ABORTED\n"
                                       "expect courier_id=c-2\nreply transport_mode=tandem\n"));
  EXPECT_TRUE(engine.active());
  EXPECT_EQ(engine.OnLookup(0, "other"), nullptr);
  EXPECT_EQ(engine.OnLookup(0, "c-1")->ending->code, absl::StatusCode::kAborted);
  EXPECT_THAT(engine.OnLookup(0, "c-2")->reply, ElementsAre(Pair("transport_mode", "tandem")));
  EXPECT_EQ(engine.OnLookup(0, "c-3"), nullptr);
}

TEST(ScenarioPlay, SaysWhatWasExpectedInstead) {
  FaultEngine engine(1, ParsedScenario("scenario assign\nexpect assignment_id=a-1,zone=z-*\n"));
  FaultEngine::Stream stream(&engine, 0);
  EXPECT_EQ(stream.OnStart(), nullptr);
  const auto faults = stream.OnUpdate({"a-2", "c", "y", 1});
  ASSERT_NE(faults, nullptr);
  ASSERT_TRUE(faults->ending.has_value());
  EXPECT_EQ(faults->ending->code, absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(faults->ending->message,
            "scenario f:2: assignment_id is 'a-2', expected 'a-1'; zone is 'y', expected 'z-*'");
}

TEST(ScenarioPlay, BeginsAnewWithEachStreamItIsFor) {
  FaultEngine engine(1, ParsedScenario("scenario assign,nth=1\nexpect\ndrop-result=1\n"
                                       "scenario assign,first=1\nexpect\nexpect\nduplicate=1\n"
                                       "scenario assign\nexpect\nunknown-id=1\n"));
  FaultEngine::Stream first(&engine, 0);
  FaultEngine::Stream second(&engine, 0);
  FaultEngine::Stream third(&engine, 0);
  FaultEngine::Stream fourth(&engine, 0);
  for (FaultEngine::Stream* stream : {&first, &second, &third, &fourth})
    EXPECT_EQ(stream->OnStart(), nullptr);
  EXPECT_TRUE(first.OnUpdate({"a", "c", "z", 1})->drop_result);
  EXPECT_EQ(first.OnUpdate({"a", "c", "z", 2}), nullptr);
  EXPECT_FALSE(second.OnUpdate({"a", "c", "z", 1})->duplicate);
  EXPECT_TRUE(second.OnUpdate({"a", "c", "z", 2})->duplicate);
  EXPECT_EQ(third.OnUpdate({"a", "c", "z", 1})->unknown_id, "mock-unknown-f:9");
  EXPECT_EQ(fourth.OnUpdate({"a", "c", "z", 1})->unknown_id, "mock-unknown-f:9");
}

TEST(ScenarioPlay, HasFaultsOfTheWholeStream) {
  FaultEngine engine(1, ParsedScenario("scenario assign,listen=1\nreorder=3\n"));
  FaultEngine::Stream elsewhere(&engine, 0);
  EXPECT_EQ(elsewhere.OnStart(), nullptr);
  FaultEngine::Stream stream(&engine, 1);
  EXPECT_EQ(stream.OnStart()->reorder, 3U);
}

TEST(ScenarioPlay, GoesTogetherWithRules) {
  FaultEngine engine(1, ParsedScenario("scenario lookup\nexpect\nlatency=1ms\n"));
  engine.Set({*ParseFault("latency=2ms")});
  EXPECT_EQ(engine.OnLookup(0, "c")->latency, std::chrono::milliseconds(3));
  engine.Set({});
  EXPECT_TRUE(engine.active());
  EXPECT_EQ(engine.OnLookup(0, "c"), nullptr);
}

TEST(ScenarioPlay, ThatIsStrictNamesTheNearestThreeFirstTheOneWithFewestMisses) {
  FaultEngine engine(1, ParsedScenario("strict\n"
                                       "scenario lookup,courier_id=x,listen=1\nexpect\n"
                                       "scenario lookup,courier_id=y\nexpect\n"
                                       "scenario lookup,nth=9\nexpect\n"
                                       "scenario assign\nexpect\n"));
  const auto faults = engine.OnLookup(0, "c");
  ASSERT_NE(faults, nullptr);
  ASSERT_TRUE(faults->ending.has_value());
  EXPECT_EQ(faults->ending->code, absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(faults->ending->message,
            "no scenario is for this lookup of 'c'; nearest: f:4: courier_id is 'c', expected 'y'; "
            "f:6: 'lookup,nth=9' does not take this one; "
            "f:2: listen is 0, expected 1, courier_id is 'c', expected 'x'");
}

TEST(ScenarioPlay, CanBeReplaced) {
  FaultEngine engine(1, ParsedScenario("scenario lookup\nexpect\nstatus=ABORTED\nexpect\nstatus=INTERNAL\n"));
  FaultEngine::Stream stream(&engine, 0);
  EXPECT_EQ(engine.OnLookup(0, "c")->ending->code, absl::StatusCode::kAborted);
  engine.SetScenarios(ParsedScenario("scenario lookup\nexpect\nstatus=DATA_LOSS\n"));
  EXPECT_EQ(engine.OnLookup(0, "c")->ending->code, absl::StatusCode::kDataLoss);
  EXPECT_EQ(engine.OnLookup(0, "c"), nullptr);
  engine.SetScenarios({});
  EXPECT_FALSE(engine.active());
}

}  // namespace
}  // namespace dispatchctl::mock
