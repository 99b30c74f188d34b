#include "output/record_format.h"

#include <dispatchctl/assignment.h>
#include <dispatchctl/courier_status.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const CourierStatus kCourier{.courier_id = "courier-42",
                             .transport_mode = "bike",
                             .availability = "available",
                             .current_zone = "zone-7"};

ErrorReport NotFound() {
  ErrorReport error;
  error.kind = ErrorKind::kRpc;
  error.code = absl::StatusCode::kNotFound;
  error.message = "courier c-9 not found";
  return error;
}

template <class Value>
void Record(RecordFormat& format, std::string& out, const Value& value) {
  format.StartRecord(out);
  WriteFields(format, out, value);
  format.EndRecord(out);
}

void Failure(RecordFormat& format, std::string& out) {
  format.StartRecord(out);
  format.TextField(out, "courier_id", "c-9");
  format.Error(out, NotFound());
  format.EndRecord(out);
}

std::string GoodAndBad(RecordFormat& format) {
  std::string out;
  format.Begin(out);
  Record(format, out, kCourier);
  Failure(format, out);
  format.End(out);
  return out;
}

std::string Nothing(RecordFormat& format) {
  std::string out;
  format.Begin(out);
  format.End(out);
  return out;
}

TEST(NdjsonFormat, OneObjectALineWithEveryField) {
  const auto format = MakeNdjsonFormat();
  std::string out;
  Record(*format, out, kCourier);
  Record(*format, out, CourierStatus{});
  EXPECT_EQ(
      out,
      R"({"courier_id":"courier-42","transport_mode":"bike","availability":"available","current_zone":"zone-7"})"
      "\n"
      R"({"courier_id":"","transport_mode":"","availability":"","current_zone":""})"
      "\n");
}

TEST(NdjsonFormat, FalseIsWritten) {
  const auto format = MakeNdjsonFormat();
  std::string out;
  Record(*format, out, AssignmentResult{.assignment_id = "a\"1", .accepted = false});
  EXPECT_EQ(out, "{\"assignment_id\":\"a\\\"1\",\"accepted\":false}\n");
}

TEST(NdjsonFormat, AFailureStandsUnderTheSameKey) {
  const auto format = MakeNdjsonFormat();
  std::string out;
  Failure(*format, out);
  EXPECT_THAT(out, StartsWith(R"({"courier_id":"c-9","error":{"kind":"rpc","code":"NOT_FOUND","number":5,)"));
  EXPECT_EQ(nlohmann::json::parse(out)["error"]["message"], "courier c-9 not found");
}

TEST(NdjsonFormat, NumbersAreNumbers) {
  const auto format = MakeNdjsonFormat();
  std::string out;
  format->StartRecord(out);
  format->NumberField(out, "line", 18'446'744'073'709'551'615U);
  format->EndRecord(out);
  EXPECT_EQ(out, "{\"line\":18446744073709551615}\n");
}

TEST(NdjsonFormat, NothingIsNothing) {
  EXPECT_EQ(Nothing(*MakeNdjsonFormat()), "");
}

TEST(JsonFormat, ManyAreOneArray) {
  const auto parsed = nlohmann::json::parse(GoodAndBad(*MakeJsonFormat(/*single=*/false)));
  ASSERT_EQ(parsed.size(), 2U);
  EXPECT_EQ(parsed[0]["courier_id"], "courier-42");
  EXPECT_TRUE(parsed[1].contains("error"));
}

TEST(JsonFormat, NothingIsAnEmptyArray) {
  EXPECT_EQ(Nothing(*MakeJsonFormat(/*single=*/false)), "[]\n");
}

TEST(JsonFormat, OneIsAnObject) {
  const auto format = MakeJsonFormat(/*single=*/true);
  std::string out;
  format->Begin(out);
  Record(*format, out, kCourier);
  format->End(out);
  EXPECT_EQ(nlohmann::json::parse(out)["transport_mode"], "bike");
}

TEST(CsvFormat, HeaderRowsAndAnErrorColumn) {
  EXPECT_EQ(GoodAndBad(*MakeCsvFormat(ColumnsOf<CourierStatus>(0))),
            "courier_id,transport_mode,availability,current_zone,error\r\n"
            "courier-42,bike,available,zone-7,\r\n"
            "c-9,,,,NOT_FOUND: courier c-9 not found\r\n");
}

TEST(CsvFormat, QuotesWhatNeedsIt) {
  const auto format = MakeCsvFormat(ColumnsOf<CourierStatus>(0));
  std::string out;
  Record(
      *format, out,
      CourierStatus{
          .courier_id = "a,b", .transport_mode = "say \"hi\"", .availability = "x\ny", .current_zone = ""});
  EXPECT_EQ(out, "\"a,b\",\"say \"\"hi\"\"\",\"x\ny\",,\r\n");
}

TEST(CsvFormat, FieldsLeftOutStayEmpty) {
  const auto format = MakeCsvFormat({{.name = "a"}, {.name = "b"}, {.name = "line"}});
  std::string out;
  format->StartRecord(out);
  format->NumberField(out, "line", 12);
  format->Error(out, NotFound());
  format->EndRecord(out);
  format->StartRecord(out);
  format->TextField(out, "b", "x");
  format->EndRecord(out);
  EXPECT_EQ(out, ",,12,NOT_FOUND: courier c-9 not found\r\n,x,,\r\n");
}

TEST(CsvFormat, NothingIsTheHeader) {
  EXPECT_EQ(Nothing(*MakeCsvFormat(ColumnsOf<AssignmentResult>(0))), "assignment_id,accepted,error\r\n");
}

TEST(TableFormat, AlignsColumnsUnderAnUpperCaseHeader) {
  EXPECT_EQ(GoodAndBad(*MakeTableFormat(ColumnsOf<CourierStatus>(12), /*color=*/false)),
            "COURIER_ID    TRANSPORT_MODE  AVAILABILITY  CURRENT_ZONE\n"
            "courier-42    bike            available     zone-7\n"
            "c-9           NOT_FOUND: courier c-9 not found\n");
}

TEST(TableFormat, WideCellsPushTheRestAndNothingIsCut) {
  const auto format =
      MakeTableFormat({{.name = "id", .least_width = 4}, {.name = "zone", .least_width = 4}}, false);
  std::string out;
  format->StartRecord(out);
  format->TextField(out, "id", "much-too-long");
  format->TextField(out, "zone", "z");
  format->EndRecord(out);
  format->StartRecord(out);
  format->TextField(out, "id", "");
  format->TextField(out, "zone", "caf\xC3\xA9");
  format->EndRecord(out);
  EXPECT_EQ(out, "much-too-long  z\n      caf\xC3\xA9\n");
}

TEST(TableFormat, TerminalsAreSafeFromTheData) {
  const auto format = MakeTableFormat({{.name = "id", .least_width = 4}}, false);
  std::string out;
  format->StartRecord(out);
  format->TextField(out, "id", "\x1b[2J\n");
  format->EndRecord(out);
  EXPECT_EQ(out, "\\x1b[2J\\x0a\n");
}

TEST(TableFormat, UnknownFieldsAreLeftOut) {
  const auto format = MakeTableFormat({{.name = "id", .least_width = 4}}, false);
  std::string out;
  format->StartRecord(out);
  format->NumberField(out, "line", 3);
  format->Error(out, NotFound());
  format->EndRecord(out);
  EXPECT_EQ(out, "      NOT_FOUND: courier c-9 not found\n");
}

TEST(TableFormat, ColorsOnlyWhenAsked) {
  EXPECT_THAT(GoodAndBad(*MakeTableFormat(ColumnsOf<CourierStatus>(12), /*color=*/true)), HasSubstr("\x1b["));
}

}  // namespace
}  // namespace dispatchctl::cli
