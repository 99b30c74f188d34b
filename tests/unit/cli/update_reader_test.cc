#include "input/update_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_directory.h"

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kHeaderLine = "assignment_id,courier_id,destination_zone\n";

class UpdateReaderTest : public ::testing::Test {
 protected:
  // "LINE:id" for each assignment, "LINE! problem" for each that is none.
  std::vector<std::string> Read(const std::vector<std::string>& paths) {
    InputFiles files(options_.max_line);
    EXPECT_FALSE(files.Open(paths).has_value());
    UpdateReader reader(files, options_);
    std::vector<std::string> found;
    AssignmentUpdate update;
    for (;;) {
      const UpdateReader::Result result = reader.Next(update);
      const std::string line = std::to_string(reader.place().line);
      switch (result) {
        case UpdateReader::Result::kUpdate:
          found.push_back(line + ":" + update.assignment_id);
          break;
        case UpdateReader::Result::kBadRecord:
          found.push_back(line + "! " + reader.problem());
          break;
        case UpdateReader::Result::kUnreadable:
          found.push_back(line + "!! " + reader.problem());
          return found;
        case UpdateReader::Result::kIncomplete:
          EXPECT_FALSE(files.Fill().has_value());
          break;
        case UpdateReader::Result::kEnd:
          return found;
      }
    }
  }

  std::vector<std::string> ReadText(std::string_view name, const std::string& text) {
    return Read({directory_.Write(name, text)});
  }

  void SetUp() override { options_.max_line = 64; }

  const TemporaryDirectory directory_;
  AssignOptions options_;
};

TEST_F(UpdateReaderTest, TellsTheFormatByTheFirstLine) {
  const std::string header(kHeaderLine);
  EXPECT_THAT(ReadText("x", "\n" + header + "a,c,z\nb,c,z\n"), ElementsAre("3:a", "4:b"));
  EXPECT_THAT(ReadText("x", "\xEF\xBB\xBF" + header + "a,c,z\r\n\r\nb,c,z"), ElementsAre("2:a", "4:b"));
  EXPECT_THAT(ReadText("x", "{\"assignment_id\":\"a\",\"courier_id\":\"c\"}\n"), ElementsAre("1:a"));
  EXPECT_THAT(ReadText("x", "hello\n"), ElementsAre(StartsWith("1! column 1")));
}

TEST_F(UpdateReaderTest, TellsTheFormatByTheNameOfTheFile) {
  EXPECT_THAT(ReadText("x.CSV", "hello\n"), ElementsAre("1!! unknown column \"hello\""));
  EXPECT_THAT(ReadText("x.jsonl", std::string(kHeaderLine)), ElementsAre(StartsWith("1! column 1")));
}

TEST_F(UpdateReaderTest, WhatWasAskedForBeatsTheName) {
  options_.input_format = InputFormat::kNdjson;
  EXPECT_THAT(ReadText("x.csv", std::string(kHeaderLine)), ElementsAre(StartsWith("1! column 1")));
  options_.input_format = InputFormat::kCsv;
  EXPECT_THAT(ReadText("x.ndjson", std::string(kHeaderLine) + "a,c,\n"), ElementsAre("2:a"));
}

TEST_F(UpdateReaderTest, EachInputHasAFormatAndAHeaderOfItsOwn) {
  const std::string csv = directory_.Write("one.csv", std::string(kHeaderLine) + "a,\"c\n1\",z\n");
  const std::string ndjson = directory_.Write("two", "{\"assignment_id\":\"b\",\"courier_id\":\"c\"}\n");
  const std::string other = directory_.Write("three.csv", "courier_id,assignment_id\nc,d\n");
  EXPECT_THAT(Read({csv, ndjson, other}), ElementsAre("2:a", "1:b", "2:d"));
}

TEST_F(UpdateReaderTest, ARecordOfSeveralLinesCountsByItsFirst) {
  EXPECT_THAT(ReadText("x.csv", std::string(kHeaderLine) + "a,\"c\nd\r\n\",z\nb,c,z\n"),
              ElementsAre("2:a", "5:b"));
}

TEST_F(UpdateReaderTest, AQuoteThatIsNeverClosedCostsItsOwnLineOnly) {
  const std::string lines = std::string(kHeaderLine) + "a,\"c,z\nb,c,z\nd,c,z\n";
  EXPECT_THAT(ReadText("x.csv", lines), ElementsAre(HasSubstr("2! a quote"), "3:b", "4:d"));
  std::string many = std::string(kHeaderLine) + "a,\"c,z\n";
  for (int i = 0; i < 20; ++i) many += "b,c,z\n";
  const std::vector<std::string> found = ReadText("x.csv", many);
  ASSERT_EQ(found.size(), 21U);
  EXPECT_THAT(found[0], HasSubstr("2! a quote"));
  EXPECT_EQ(found[20], "22:b");
}

TEST_F(UpdateReaderTest, ALongRecordIsPassedOver) {
  EXPECT_THAT(ReadText("x.csv", std::string(kHeaderLine) + std::string(500, 'x') + ",c,z\nb,c,z\n"),
              ElementsAre("2! longer than 64 bytes (--max-line)", "3:b"));
}

TEST_F(UpdateReaderTest, WithoutAHeaderNothingCanBeUnderstood) {
  EXPECT_THAT(ReadText("x.csv", std::string(500, 'x') + "\na,b,c\n"), ElementsAre(StartsWith("1!! longer")));
  EXPECT_THAT(ReadText("x.csv", "a,b,c\n"), ElementsAre(StartsWith("1!! unknown column \"a\"")));
}

}  // namespace
}  // namespace dispatchctl::cli
