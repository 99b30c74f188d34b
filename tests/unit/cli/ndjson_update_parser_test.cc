#include "input/ndjson_update_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;

// What came of one line: the update's fields, or the error.
std::string Outcome(std::string_view line) {
  NdjsonUpdateParser parser;
  AssignmentUpdate update;
  std::string text(line);
  if (!parser.Parse(text.data(), text.size(), update)) return "error: " + parser.error();
  return update.assignment_id + "|" + update.courier_id + "|" + update.destination_zone;
}

TEST(NdjsonUpdateParser, ReadsAnUpdate) {
  EXPECT_EQ(Outcome(R"({"assignment_id":"a-1","courier_id":"c-1","destination_zone":"z"})"), "a-1|c-1|z");
  EXPECT_EQ(Outcome(R"(  { "destination_zone" : "z" , "courier_id":"c-1","assignment_id":"a-1" }  )"),
            "a-1|c-1|z");
}

TEST(NdjsonUpdateParser, AcceptsLowerCamelCase) {
  EXPECT_EQ(Outcome(R"({"assignmentId":"a-1","courierId":"c-1","destinationZone":"z"})"), "a-1|c-1|z");
  EXPECT_EQ(Outcome(R"({"assignmentId":"a-1","courier_id":"c-1","destinationZone":"z"})"), "a-1|c-1|z");
}

TEST(NdjsonUpdateParser, DecodesEscapes) {
  EXPECT_EQ(
      Outcome(R"({"assignment_id":"a\"\\\/\u00e9\ud83d\ude00","courier_id":"c\t","destination_zone":""})"),
      "a\"\\/\xC3\xA9\xF0\x9F\x98\x80|c\t|");
  EXPECT_EQ(Outcome("{\"assignment_id\":\"\xC3\xA9\",\"courier_id\":\"c\",\"destination_zone\":\"z\"}"),
            "\xC3\xA9|c|z");
}

TEST(NdjsonUpdateParser, WhatMayBeEmptyMayBeLeftOut) {
  EXPECT_EQ(Outcome(R"({"assignment_id":"a-1","courier_id":"c-1"})"), "a-1|c-1|");
}

TEST(NdjsonUpdateParser, OneLineLeavesNothingToTheNext) {
  NdjsonUpdateParser parser;
  AssignmentUpdate update;
  std::string first = R"({"assignment_id":"a-1","courier_id":"c-1","destination_zone":"z"})";
  std::string second = R"({"assignment_id":"a-2","courier_id":"c-2"})";
  ASSERT_TRUE(parser.Parse(first.data(), first.size(), update));
  ASSERT_TRUE(parser.Parse(second.data(), second.size(), update));
  EXPECT_EQ(update.destination_zone, "");
}

struct Bad {
  std::string_view line;
  std::string_view error;

  friend void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.error; }
};

class BadLine : public ::testing::TestWithParam<Bad> {};

TEST_P(BadLine, SaysWhatAndWhere) {
  EXPECT_THAT(Outcome(GetParam().line), HasSubstr(GetParam().error));
  EXPECT_THAT(Outcome(GetParam().line), HasSubstr("error: "));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadLine,
    ::testing::Values(
        Bad{R"({"assignment_id":"a-1")", "column 23: missing a comma or '}'"},
        Bad{R"({"assignment_id":"a-1)", "column 22: missing a closing quotation mark"},
        Bad{R"(nonsense)", "column 2: invalid value"},
        Bad{R"({assignment_id:1})", "column 2: missing a name"},
        Bad{R"({"assignment_id":"a-1","courier_id":"c"} x)",
            "column 42: the document root must not be followed"},
        Bad{R"({"assignment_id":"a"}{"a":1})", "must not be followed"},
        Bad{R"([1])", "expected an object, found an array"},
        Bad{R"("text")", "expected an object, found a string"},
        Bad{R"(12)", "expected an object, found a number"}, Bad{R"(null)", "expected an object, found null"},
        Bad{R"({"assignment_id":7,"courier_id":"c"})",
            R"(field "assignment_id": expected a string, found a number)"},
        Bad{R"({"assignment_id":-7.5e3})", "expected a string, found a number"},
        Bad{R"({"assignment_id":true})", R"(expected a string, found true)"},
        Bad{R"({"courierId":null})", R"(field "courier_id": expected a string, found null)"},
        Bad{R"({"courier_id":{"a":1}})", "expected a string, found an object"},
        Bad{R"({"courier_id":["a"]})", "expected a string, found an array"},
        Bad{R"({"courier_id":"c","destination_zone":"z"})", R"(missing field "assignment_id")"},
        Bad{R"({"assignment_id":"a"})", R"(missing field "courier_id")"}, Bad{R"({})", "missing field"},
        Bad{R"({"assignment_id":"a","courier_id":"c","zone":"z"})", R"(column 40: unknown field "zone")"},
        Bad{R"({"courrier_id":"c"})", R"(unknown field "courrier_id", did you mean "courier_id"?)"},
        Bad{R"({"assignment_id":"a","assignment_id":"b"})", R"(column 23: duplicate field "assignment_id")"},
        Bad{R"({"assignment_id":"a","assignmentId":"b"})", R"(duplicate field "assignmentId")"},
        Bad{"{\"assignment_id\":\"\xFF\"}", "column 19: invalid UTF-8"},
        Bad{"{\"assignment_id\":\"\xED\xA0\x80\"}", "column 19: invalid UTF-8"},
        Bad{std::string_view("{\"assignment_id\":\"a\0b\"}", 22), "column 20: NUL byte"},
        Bad{std::string_view("{\"assignment_id\":\"a\",\"courier_id\":\"c\"}\0", 39), "NUL byte"},
        Bad{"{\"assignment_id\":\"a\nb\"}", "column"}, Bad{R"({"assignment_id":"\ud800"})", "column"},
        Bad{R"({"assignment_id":"\ude00","courier_id":"c"})",
            "column 19: the surrogate pair in string is invalid"},
        Bad{R"({"assignment_id":"\x"})", "column"}));

TEST(NdjsonUpdateParser, LongAndHostileNamesAreCutAndCleaned) {
  const std::string name(500, 'n');
  const std::string outcome = Outcome("{\"" + name + "\":1}");
  EXPECT_LT(outcome.size(), 200U);
  EXPECT_THAT(Outcome(R"({"\u001b[2J":1})"), HasSubstr("\\x1b"));
}

TEST(NdjsonUpdateParser, DeepNestingIsNoTrouble) {
  EXPECT_THAT(Outcome(std::string(100'000, '[')), HasSubstr("expected an object"));
}

TEST(NdjsonUpdateParser, EveryBeginningOfALineIsAnErrorAndNothingWorse) {
  const std::string line = R"({"assignment_id":"a-\u00e91","courier_id":"c","destination_zone":"z"})";
  for (std::size_t size = 0; size < line.size(); ++size) {
    EXPECT_THAT(Outcome(line.substr(0, size)), HasSubstr("error: ")) << size;
  }
}

}  // namespace
}  // namespace dispatchctl::cli
