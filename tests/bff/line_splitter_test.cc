#include "mapping/line_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bff {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class LineSplitterTest : public ::testing::Test {
 protected:
  bool Feed(std::string_view piece) { return splitter_.Feed(piece, receiver_); }
  bool Finish() { return splitter_.Finish(receiver_); }

  std::vector<std::pair<std::uint64_t, std::string>> lines_;
  std::size_t wanted_ = 100;
  LineSplitter::Receiver receiver_ = [this](const LineSplitter::Line& line) {
    lines_.emplace_back(line.number, line.too_long ? "(too long)" : std::string(line.text));
    return lines_.size() < wanted_;
  };
  LineSplitter splitter_{8};
};

TEST_F(LineSplitterTest, JoinsWhatTheNetworkHasCut) {
  EXPECT_TRUE(Feed("on"));
  EXPECT_THAT(lines_, IsEmpty());
  EXPECT_TRUE(Feed("e\ntwo\nth"));
  EXPECT_THAT(lines_, ElementsAre(Pair(1, "one"), Pair(2, "two")));
  EXPECT_TRUE(Feed("ree\n"));
  EXPECT_TRUE(Finish());
  EXPECT_THAT(lines_, ElementsAre(Pair(1, "one"), Pair(2, "two"), Pair(3, "three")));
}

TEST_F(LineSplitterTest, TakesALastLineWithoutItsEnd) {
  EXPECT_TRUE(Feed("one\ntwo"));
  EXPECT_TRUE(Finish());
  EXPECT_THAT(lines_, ElementsAre(Pair(1, "one"), Pair(2, "two")));
}

TEST_F(LineSplitterTest, CountsBlankLinesAndLeavesThemOut) {
  EXPECT_TRUE(Feed("\n\r\n \t\none\r\n"));
  EXPECT_THAT(lines_, ElementsAre(Pair(4, "one")));
}

TEST_F(LineSplitterTest, GoesOnAfterALineThatIsTooLong) {
  EXPECT_TRUE(Feed("12345678\n123456789\n"));
  EXPECT_TRUE(Feed("12345"));
  EXPECT_TRUE(Feed("67890"));
  EXPECT_TRUE(Feed("1234567890\nok\n"));
  EXPECT_THAT(lines_,
              ElementsAre(Pair(1, "12345678"), Pair(2, "(too long)"), Pair(3, "(too long)"), Pair(4, "ok")));
}

TEST_F(LineSplitterTest, TellsOfALastLineThatIsTooLong) {
  EXPECT_TRUE(Feed("123456789"));
  EXPECT_TRUE(Finish());
  EXPECT_THAT(lines_, ElementsAre(Pair(1, "(too long)")));
}

TEST_F(LineSplitterTest, StopsWhenNoMoreIsWanted) {
  wanted_ = 2;
  EXPECT_FALSE(Feed("one\ntwo\nthree\n"));
  EXPECT_THAT(lines_, ElementsAre(Pair(1, "one"), Pair(2, "two")));
}

}  // namespace
}  // namespace bff
