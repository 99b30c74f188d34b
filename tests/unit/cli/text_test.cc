#include <gtest/gtest.h>

#include <string>

#include "text/escape.h"
#include "text/quantity.h"

namespace dispatchctl::cli {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

std::string Printable(std::string_view text) {
  std::string out;
  AppendPrintable(out, text);
  return out;
}

TEST(JsonString, EscapesWhatJsonWants) {
  EXPECT_EQ(Json(""), R"("")");
  EXPECT_EQ(Json("plain"), R"("plain")");
  EXPECT_EQ(Json("a\"b\\c/d"), R"("a\"b\\c/d")");
  EXPECT_EQ(Json("\b\f\n\r\t\x01\x1f\x7f"), "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
  EXPECT_EQ(Json(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(Json("caf\xC3\xA9"), "\"caf\xC3\xA9\"");
}

TEST(JsonString, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(Json("a\xFF"
                 "b\xC3"),
            "\"a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\"");
}

TEST(PrintableText, NeverHoldsControlCharacters) {
  EXPECT_EQ(Printable("a\x1b[31m\n"), "a\\x1b[31m\\x0a");
  EXPECT_EQ(Printable("\x7f\xC2\x9B"), "\\x7f\\x9b");
  EXPECT_EQ(Printable("caf\xC3\xA9 \xFF"), "caf\xC3\xA9 \xEF\xBF\xBD");
}

TEST(DisplayWidth, CountsCodePoints) {
  EXPECT_EQ(DisplayWidth("caf\xC3\xA9"), 4U);
  EXPECT_EQ(DisplayWidth(""), 0U);
}

TEST(Approximate, KeepsThreeDigits) {
  using namespace std::chrono_literals;
  EXPECT_EQ(Approximate(0ns), "0 ns");
  EXPECT_EQ(Approximate(850ns), "850 ns");
  EXPECT_EQ(Approximate(999ns), "999 ns");
  EXPECT_EQ(Approximate(1us), "1 us");
  EXPECT_EQ(Approximate(12'345ns), "12.3 us");
  EXPECT_EQ(Approximate(123'456'789ns), "123 ms");
  EXPECT_EQ(Approximate(999'999us), "1 s");
  EXPECT_EQ(Approximate(1'234ms), "1.23 s");
  EXPECT_EQ(Approximate(2h), "7200 s");
}

}  // namespace
}  // namespace dispatchctl::cli
