#include "input/csv_update_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "input/csv_quoting.h"

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kHeader = "assignment_id,courier_id,destination_zone";

class CsvUpdateParserTest : public ::testing::Test {
 protected:
  // The fields joined by bars, or the error.
  static std::string Read(std::string_view header, std::string_view record,
                          std::vector<CsvMapping> map = {}) {
    CsvUpdateParser parser(map);
    AssignmentUpdate update;
    if (!parser.ReadHeader(header)) return "header: " + parser.error();
    if (!parser.Parse(record, update)) return parser.error();
    return update.assignment_id + "|" + update.courier_id + "|" + update.destination_zone;
  }
};

TEST_F(CsvUpdateParserTest, ReadsFieldsByTheirNames) {
  EXPECT_EQ(Read(kHeader, "a,b,c"), "a|b|c");
  EXPECT_EQ(Read("destination_zone,assignment_id,courier_id", "a,b,c"), "b|c|a");
  EXPECT_EQ(Read("courierId,assignmentId", "a,b"), "b|a|");
  EXPECT_EQ(Read("\"assignment_id\",courier_id", "a,b"), "a|b|");
}

TEST_F(CsvUpdateParserTest, KeepsWhatIsWithinQuotes) {
  EXPECT_EQ(Read(kHeader, "\"a,1\",\"say \"\"hi\"\"\",\"two\r\nlines\""), "a,1|say \"hi\"|two\r\nlines");
  EXPECT_EQ(Read(kHeader, "\"\",\"\"\"\",c"), "|\"|c");
}

TEST_F(CsvUpdateParserTest, KeepsSpacesAndEmptyValues) {
  EXPECT_EQ(Read(kHeader, " a , b ,"), " a | b |");
  EXPECT_EQ(Read(kHeader, ",,"), "||");
}

TEST_F(CsvUpdateParserTest, MapsAndIgnoresColumns) {
  const std::vector<CsvMapping> map{{.column = "order", .field = "assignment_id"},
                                    {.column = "rider", .field = "courier_id"},
                                    {.column = "note", .field = ""}};
  EXPECT_EQ(Read("rider,note,order", "r,\"x,y\",o", map), "o|r|");
  EXPECT_EQ(Read("x,assignment_id,y,courier_id", "1,2,3,4", {{.column = "*", .field = ""}}), "2|4|");
}

TEST_F(CsvUpdateParserTest, AMappingBeatsAFieldsName) {
  EXPECT_EQ(Read("assignment_id,order,courier_id", "1,2,3",
                 {{.column = "assignment_id", .field = ""}, {.column = "order", .field = "assignment_id"}}),
            "2|3|");
}

TEST_F(CsvUpdateParserTest, NamesWhatIsWrongWithAHeader) {
  EXPECT_EQ(Read("assignment_id,courierid", ""),
            "header: unknown column \"courierid\", did you mean \"courier_id\"?");
  EXPECT_EQ(Read("assignment_id,zone_of_the_town,courier_id", ""),
            "header: unknown column \"zone_of_the_town\"");
  EXPECT_EQ(Read("assignment_id", ""), "header: no column gives courier_id");
  EXPECT_EQ(Read("assignment_id,courier_id,courierId", ""),
            "header: columns \"courier_id\" and \"courierId\" both give courier_id");
  EXPECT_EQ(Read(kHeader, "", {{.column = "order", .field = "assignment_id"}}),
            "header: there is no column \"order\", which --csv-map names");
  EXPECT_THAT(Read("assignment_id,\"courier_id", ""),
              HasSubstr("header: column 15: this quote is not closed"));
}

TEST_F(CsvUpdateParserTest, NamesWhatIsWrongWithARecord) {
  EXPECT_EQ(Read(kHeader, "a,b"), "2 values for 3 columns");
  EXPECT_EQ(Read(kHeader, "a,b,c,d"), "4 values for 3 columns");
  EXPECT_EQ(Read(kHeader, "a,b\"c,d"), "column 4: a quote within a value that does not begin with one");
  EXPECT_THAT(Read(kHeader, "\"a\"b,c,d"), HasSubstr("column 4: text after the quote"));
  EXPECT_EQ(Read(kHeader, "a,\"b,c"), "column 3: this quote is not closed");
  EXPECT_EQ(Read(kHeader, "a,\xFF,c"), "column 3: invalid UTF-8");
  EXPECT_EQ(Read(kHeader, std::string_view("a,\0,c", 5)), "column 3: NUL byte");
  EXPECT_THAT(Read(kHeader, "\"a\n1\",b,\"c\"x"), HasSubstr("line 2 of the record, column 9: text after"));
}

TEST_F(CsvUpdateParserTest, AValueReplacesThatOfTheRecordBefore) {
  CsvUpdateParser parser({});
  AssignmentUpdate update;
  ASSERT_TRUE(parser.ReadHeader("assignment_id,courier_id,destination_zone"));
  ASSERT_TRUE(parser.Parse("long-id,courier,zone", update));
  ASSERT_TRUE(parser.Parse("i,c,", update));
  EXPECT_EQ(update, (AssignmentUpdate{"i", "c", ""}));
}

TEST_F(CsvUpdateParserTest, TellsAHeaderFromOtherInput) {
  const CsvUpdateParser parser({{.column = "order", .field = "assignment_id"}, {.column = "*", .field = ""}});
  EXPECT_TRUE(parser.LooksLikeHeader("x,courier_id"));
  EXPECT_TRUE(parser.LooksLikeHeader("\"order\",x"));
  EXPECT_FALSE(parser.LooksLikeHeader("hello"));
  EXPECT_FALSE(parser.LooksLikeHeader("[1,2]"));
  EXPECT_FALSE(parser.LooksLikeHeader(""));
}

TEST(CsvQuoting, OpensAtTheStartOfAFieldOnly) {
  EXPECT_FALSE(EndsInsideQuotes("a,b", false));
  EXPECT_TRUE(EndsInsideQuotes("\"a", false));
  EXPECT_TRUE(EndsInsideQuotes("a,\"b", false));
  EXPECT_TRUE(EndsInsideQuotes("a,\"", false));
  EXPECT_FALSE(EndsInsideQuotes("a\"b,c", false));
  EXPECT_FALSE(EndsInsideQuotes("\"a\"b\",c", false));
  EXPECT_FALSE(EndsInsideQuotes("\"a\",\"b\"", false));
  EXPECT_FALSE(EndsInsideQuotes("\"a\"\"\"", false));
  EXPECT_TRUE(EndsInsideQuotes("\"a\"\"", false));
}

TEST(CsvQuoting, GoesOnFromTheLineBefore) {
  EXPECT_TRUE(EndsInsideQuotes("", true));
  EXPECT_TRUE(EndsInsideQuotes("a,b", true));
  EXPECT_FALSE(EndsInsideQuotes("a\"", true));
  EXPECT_FALSE(EndsInsideQuotes("\",b", true));
  EXPECT_TRUE(EndsInsideQuotes("\",\"b", true));
  EXPECT_TRUE(EndsInsideQuotes("\"\"", true));
}

}  // namespace
}  // namespace dispatchctl::cli
