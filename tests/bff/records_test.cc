#include "mapping/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace bff {
namespace {

using dispatchctl::AssignmentUpdate;
using dispatchctl::CourierStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(RecordsTest, CourierHasTheContractsFields) {
  const CourierStatus status{"courier-42", "bike", "available", "zone-7"};
  dispatchctl::CallReport report;
  const std::string fresh =
      R"("courier_id":"courier-42","transport_mode":"bike","availability":"available","current_zone":"zone-7")";
  EXPECT_EQ(Dump(CourierRecord(status, report)), "{" + fresh + "}");
  report.stale = true;
  report.stale_age = std::chrono::microseconds(1999);
  EXPECT_EQ(Dump(CourierRecord(status, report)), "{" + fresh + R"(,"stale":true,"age_ms":1})");
}

TEST(RecordsTest, ResultSaysRejectedToo) {
  EXPECT_EQ(Dump(ResultRecord({"a-1", false})), R"({"assignment_id":"a-1","accepted":false})");
}

TEST(RecordsTest, FailuresKeepTheirPlace) {
  const Problem problem{.status = 404, .detail = "no such courier"};
  const std::string error =
      R"("error":{"type":"about:blank","title":"Not Found","status":404,"detail":"no such courier"})";
  EXPECT_EQ(Dump(FailedCourierRecord("c-9", problem)), R"({"courier_id":"c-9",)" + error + "}");
  EXPECT_EQ(Dump(FailedAssignmentRecord("a-7", 12, problem)),
            R"({"assignment_id":"a-7","line":12,)" + error + "}");
  EXPECT_EQ(Dump(FailedAssignmentRecord(std::nullopt, 12, problem)), R"({"line":12,)" + error + "}");
  EXPECT_EQ(Dump(CutShortRecord(12, problem)), "{" + error + R"(,"lines_read":12})");
}

TEST(BatchTest, IsReadInOrder) {
  const auto ids = ParseBatch(R"({"courier_ids":["b","a","b"],"note":1})");
  ASSERT_TRUE(ids.ok());
  EXPECT_THAT(*ids, ElementsAre("b", "a", "b"));
}

TEST(BatchTest, ErrorsNameThePlace) {
  EXPECT_THAT(Message(ParseBatch("").status()), HasSubstr("not JSON"));
  EXPECT_THAT(Message(ParseBatch(R"({"courier_ids":["a"]} x)").status()),
              HasSubstr("wrong at byte 23 of 23"));
  EXPECT_THAT(Message(ParseBatch("{\"courier_ids\":[\"\xff\"]}").status()), HasSubstr("wrong at byte 18"));
  EXPECT_THAT(Message(ParseBatch("[]").status()), HasSubstr("expected a JSON object, got array"));
  EXPECT_THAT(Message(ParseBatch("{}").status()), HasSubstr("courier_ids: expected an array"));
  EXPECT_THAT(Message(ParseBatch(R"({"courier_ids":"a"})").status()), HasSubstr("expected an array"));
  EXPECT_THAT(Message(ParseBatch(R"({"courier_ids":["a",7]})").status()),
              HasSubstr("courier_ids[1]: expected a string, got number"));
}

TEST(BatchTest, HasOneToAThousandIds) {
  const auto batch_of = [](std::size_t count) {
    nlohmann::ordered_json ids = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < count; ++i) ids.push_back("c");
    return ParseBatch(Dump({{"courier_ids", ids}}));
  };
  EXPECT_TRUE(batch_of(1).ok());
  EXPECT_EQ(batch_of(kMaxBatchIds)->size(), kMaxBatchIds);
  EXPECT_THAT(Message(batch_of(0).status()), HasSubstr("got 0"));
  EXPECT_THAT(Message(batch_of(kMaxBatchIds + 1).status()), HasSubstr("got 1001"));
}

TEST(AssignmentTest, ZoneMayBeMissing) {
  EXPECT_EQ(*ParseAssignment(R"({"assignment_id":"a","courier_id":"c","destination_zone":"z","x":[]})"),
            (AssignmentUpdate{"a", "c", "z"}));
  EXPECT_EQ(*ParseAssignment(R"({"assignment_id":"a","courier_id":"c"})"), (AssignmentUpdate{"a", "c", ""}));
}

TEST(AssignmentTest, ErrorsNameThePlace) {
  EXPECT_THAT(Message(ParseAssignment(R"({"assignment_id":"a",})").status()), HasSubstr("wrong at byte"));
  EXPECT_THAT(Message(ParseAssignment("7").status()), HasSubstr("got number"));
  EXPECT_THAT(Message(ParseAssignment(R"({"courier_id":"c"})").status()),
              HasSubstr("assignment_id is missing"));
  EXPECT_THAT(Message(ParseAssignment(R"({"assignment_id":"a"})").status()),
              HasSubstr("courier_id is missing"));
  EXPECT_THAT(Message(ParseAssignment(R"({"assignment_id":1,"courier_id":"c"})").status()),
              HasSubstr("assignment_id: expected a string, got number"));
  EXPECT_THAT(
      Message(ParseAssignment(R"({"assignment_id":"a","courier_id":"c","destination_zone":null})").status()),
      HasSubstr("destination_zone: expected a string, got null"));
}

TEST(CommonProblemTest, StandsForABatchOfWhichNothingIsKnown) {
  const Problem down{.status = 503, .detail = "down"};
  const Problem slow{.status = 504, .detail = "slow"};
  const Problem busy{.status = 429, .detail = "busy"};
  const Problem unknown{.status = 404, .detail = "unknown"};
  EXPECT_EQ(CommonProblem({&slow, &down, &busy}), &slow);
  EXPECT_EQ(CommonProblem({&down, nullptr}), nullptr) << "one is known";
  EXPECT_EQ(CommonProblem({&down, &unknown}), nullptr) << "one is known not to be";
  EXPECT_EQ(CommonProblem({&unknown}), nullptr);
}

}  // namespace
}  // namespace bff
