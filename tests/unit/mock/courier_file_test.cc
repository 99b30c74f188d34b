#include "mock-server/storage/courier_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace dispatchctl::mock {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Courier MakeCourier(std::string id, std::string mode = "", std::string availability = "",
                    std::string zone = "") {
  return {.courier_id = std::move(id),
          .transport_mode = std::move(mode),
          .availability = std::move(availability),
          .current_zone = std::move(zone)};
}

std::string JsonError(std::string_view text) {
  return std::string(ParseCouriersJson(text, "c.json").status().message());
}

std::string CsvError(std::string_view text) {
  return std::string(ParseCouriersCsv(text, "c.csv").status().message());
}

TEST(CouriersJson, ReadsAnArrayOfObjects) {
  const auto couriers = ParseCouriersJson(
      R"([{"courier_id":"c-1","transport_mode":"bike","availability":"busy","current_zone":"zone-1"},
          {"courier_id":"c-\u00e9"}])",
      "c.json");
  ASSERT_TRUE(couriers.ok()) << couriers.status();
  EXPECT_THAT(*couriers, ElementsAre(MakeCourier("c-1", "bike", "busy", "zone-1"), MakeCourier("c-é")));
}

TEST(CouriersJson, ReadsAnEmptyArray) {
  EXPECT_THAT(ParseCouriersJson("[]", "c.json").value(), IsEmpty());
}

TEST(CouriersJson, NamesFileLineAndField) {
  EXPECT_EQ(JsonError("[\n{\"courier_id\": 7}]"), "c.json:2: courier_id: is a number, not a string");
  EXPECT_EQ(JsonError("[{\"courier_id\":\"a\"},\n\n{\"courier_id\":\"b\",\"current_zone\":null}]"),
            "c.json:3: current_zone: is null, not a string");
  EXPECT_EQ(JsonError("[{\"courier_id\":\"a\",\n\"legacy_region\":\"x\"}]"),
            "c.json:2: legacy_region: there is no such field");
  EXPECT_EQ(JsonError("[{\"courier_id\":\"a\",\n\"courier_id\":\"x\"}]"),
            "c.json:2: courier_id: stands there twice");
  EXPECT_EQ(JsonError("[\n{\"availability\":\"busy\"}]"), "c.json:2: courier_id is missing or empty");
  EXPECT_EQ(JsonError("[{\"courier_id\":\"a\"},\n{\"courier_id\":\"a\"}]"),
            "c.json:2: courier_id: 'a' is already on line 1");
  EXPECT_EQ(JsonError("[{\"courier_id\":[\"a\"]}]"), "c.json:1: courier_id: is an array, not a string");
}

TEST(CouriersJson, WantsAnArrayOfObjects) {
  EXPECT_EQ(JsonError("{}"), "c.json:1: an object where an array of couriers should be");
  EXPECT_EQ(JsonError("[\"c-1\"]"), "c.json:1: a string where an object of couriers should be");
  EXPECT_EQ(JsonError("[[]]"), "c.json:1: an array where an object of couriers should be");
}

TEST(CouriersJson, SaysWhereTheSyntaxIsWrong) {
  EXPECT_THAT(JsonError("[\n{\"courier_id\":\"a\"},\n,]"), testing::StartsWith("c.json:3: column 1: "));
  EXPECT_THAT(JsonError(""), testing::StartsWith("c.json:1: column 1: "));
  EXPECT_THAT(JsonError("[] []"), testing::StartsWith("c.json:1: column 4: "));
}

TEST(CouriersCsv, ReadsColumnsInAnyOrder) {
  const auto couriers = ParseCouriersCsv("current_zone,courier_id\r\nzone-1,c-1\r\n\r\n,c-2", "c.csv");
  ASSERT_TRUE(couriers.ok()) << couriers.status();
  EXPECT_THAT(*couriers, ElementsAre(MakeCourier("c-1", "", "", "zone-1"), MakeCourier("c-2")));
}

TEST(CouriersCsv, ReadsQuotedFields) {
  const auto couriers =
      ParseCouriersCsv("\xEF\xBB\xBF\"courier_id\",transport_mode\n\"c,\"\"1\"\"\n\",\"\"\n", "c.csv");
  ASSERT_TRUE(couriers.ok()) << couriers.status();
  EXPECT_THAT(*couriers, ElementsAre(MakeCourier("c,\"1\"\n")));
}

TEST(CouriersCsv, NamesFileLineAndField) {
  EXPECT_EQ(CsvError(""), "c.csv:1: there is no header row");
  EXPECT_EQ(CsvError("courier_id,region\n"), "c.csv:1: region: there is no such field");
  EXPECT_EQ(CsvError("courier_id,courier_id\n"), "c.csv:1: courier_id: stands there twice");
  EXPECT_EQ(CsvError("availability\n"), "c.csv:1: courier_id: the header has no such column");
  EXPECT_EQ(CsvError("courier_id,availability\na,b\nc\n"), "c.csv:3: has 1 fields, the header has 2");
  EXPECT_EQ(CsvError("courier_id,availability\n,busy\n"), "c.csv:2: courier_id is missing or empty");
  EXPECT_EQ(CsvError("courier_id\n\"a\nb\"\nc\nc\n"), "c.csv:5: courier_id: 'c' is already on line 4");
  EXPECT_EQ(CsvError("courier_id\n\"a\nb"), "c.csv:2: a quoted field is never closed");
  EXPECT_EQ(CsvError("courier_id\n\"a\"b\n"), "c.csv:2: column 1: text after the closing quote");
  EXPECT_EQ(CsvError("courier_id\na\"b\n"), "c.csv:2: 'a\"b': a quote inside an unquoted field");
  EXPECT_EQ(CsvError("courier_id,availability\na,\xff\n"), "c.csv:2: availability: is not valid UTF-8");
}

TEST(LoadCouriers, GoesByTheFilesName) {
  const std::string path = testing::TempDir() + "couriers." + std::to_string(getpid()) + ".csv";
  std::ofstream(path) << "courier_id\nc-1\n";
  const auto couriers = LoadCouriers(path);
  std::remove(path.c_str());
  ASSERT_TRUE(couriers.ok()) << couriers.status();
  EXPECT_THAT(*couriers, ElementsAre(MakeCourier("c-1")));
}

TEST(LoadCouriers, NamesAFileItCannotRead) {
  const std::string directory = testing::TempDir() + "couriers." + std::to_string(getpid()) + ".json";
  ASSERT_EQ(mkdir(directory.c_str(), 0700), 0);
  EXPECT_EQ(LoadCouriers(directory).status().message(), directory + ": Is a directory");
  rmdir(directory.c_str());
  EXPECT_EQ(LoadCouriers("/nonexistent/c.json").status().message(),
            "/nonexistent/c.json: No such file or directory");
  EXPECT_EQ(LoadCouriers("couriers.txt").status().message(),
            "couriers.txt: the name ends in neither .json nor .csv");
}

}  // namespace
}  // namespace dispatchctl::mock
