#include "output/field_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "output/make_format.h"

namespace dispatchctl::cli {
namespace {

using testing::HasSubstr;

const std::vector<Column> kColumns{{.name = "a"}, {.name = "b"}, {.name = "n"}, {.name = "f"}, {.name = "x"}};

std::string Written(OutputFormat output, const std::vector<std::string>& fields) {
  const std::unique_ptr<RecordFormat> format = MakeFormat(output, kColumns, false, false, fields);
  std::string out;
  format->Begin(out);
  format->StartRecord(out);
  format->TextField(out, "a", "first");
  format->TextField(out, "b", "second");
  format->NumberField(out, "n", 3);
  format->BoolField(out, "f", false);
  format->NullField(out, "x");
  format->EndRecord(out);
  format->StartRecord(out);
  format->TextField(out, "a", "failed");
  format->Error(out, InputError("what is wrong"));
  format->EndRecord(out);
  format->End(out);
  return out;
}

TEST(FieldSelection, KeepsTheOrderThatWasAskedFor) {
  EXPECT_THAT(Written(OutputFormat::kNdjson, {"x", "n", "f", "a"}),
              testing::StartsWith(R"({"x":null,"n":3,"f":false,"a":"first"})"
                                  "\n"
                                  R"({"a":"failed","error":{)"));
}

TEST(FieldSelection, KeepsTheErrorOfAFailedRecord) {
  const std::string out = Written(OutputFormat::kNdjson, {"b"});
  EXPECT_THAT(out, testing::StartsWith("{\"b\":\"second\"}\n{\"error\":{"));
  EXPECT_THAT(out, HasSubstr("what is wrong"));
}

TEST(FieldSelection, IsOfColumnsToo) {
  EXPECT_EQ(Written(OutputFormat::kCsv, {"n", "a"}), "n,a,error\r\n3,first,\r\n,failed,what is wrong\r\n");
  EXPECT_THAT(Written(OutputFormat::kTable, {"n", "a"}), testing::StartsWith("N  A\n3  first\n"));
}

TEST(FieldSelection, OfNothingIsEverything) {
  EXPECT_EQ(Written(OutputFormat::kCsv, {}),
            "a,b,n,f,x,error\r\nfirst,second,3,false,,\r\nfailed,,,,,what is wrong\r\n");
}

TEST(FieldSelection, RefusesFieldsThatAreNotThere) {
  EXPECT_FALSE(CheckFields({"a", "x"}, kColumns).has_value());
  const std::optional<ErrorReport> error = CheckFields({"a", "zone"}, kColumns);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->kind, ErrorKind::kUsage);
  EXPECT_THAT(error->message, HasSubstr("'zone'"));
  EXPECT_EQ(error->hint, "the fields are: a, b, n, f, x");
  EXPECT_EQ(CheckFields({"courier_ids"}, {{.name = "courier_id"}})->hint, "did you mean 'courier_id'?");
}

}  // namespace
}  // namespace dispatchctl::cli
