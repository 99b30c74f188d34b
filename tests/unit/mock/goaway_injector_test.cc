#include "mock-server/faults/goaway_injector.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace dispatchctl::mock {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kGoaway = "\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0"sv;

std::string Frame(char type, char flags, char stream, std::string_view payload) {
  std::string frame;
  frame += '\0';
  frame += static_cast<char>(payload.size() / 256);
  frame += static_cast<char>(payload.size() % 256);
  frame += type;
  frame += flags;
  frame += std::string(3, '\0') + stream;
  frame += payload;
  return frame;
}

std::string Data(char stream, std::string_view payload) {
  return Frame(0, 0, stream, payload);
}

std::string Message(std::string_view text) {
  return std::string("\0\0\0\0"sv) + static_cast<char>(text.size()) + std::string(text);
}

const std::string kSettings = Frame(4, 0, 0, "");
const std::string kHeaders = Frame(1, 4, 1, "head");

struct GoawayCase {
  const char* name;
  std::vector<std::string> frames;
  std::uint64_t after;
  // The GOAWAY comes before this frame; -1: not at all.
  int before;
};

class GoawayInjectorTest : public testing::TestWithParam<GoawayCase> {
 protected:
  static std::string Input() {
    std::string input;
    for (const std::string& frame : GetParam().frames) input += frame;
    return input;
  }
  static std::string Expected() {
    std::string expected;
    for (std::size_t i = 0; i <= GetParam().frames.size(); ++i) {
      if (static_cast<int>(i) == GetParam().before) expected += kGoaway;
      if (i < GetParam().frames.size()) expected += GetParam().frames[i];
    }
    return expected;
  }
};

TEST_P(GoawayInjectorTest, PutsOneGoawayBetweenFrames) {
  GoawayInjector injector;
  injector.set_after(GetParam().after);
  std::string out;
  injector.Pass(Input(), out);
  EXPECT_EQ(out, Expected());
}

// However the bytes are cut, the same comes out.
TEST_P(GoawayInjectorTest, DoesNotMindHowTheBytesCome) {
  const std::string input = Input();
  for (std::size_t size = 1; size < input.size(); ++size) {
    GoawayInjector injector;
    injector.set_after(GetParam().after);
    std::string out;
    for (std::size_t at = 0; at < input.size(); at += size) {
      injector.Pass(std::string_view(input).substr(at, size), out);
    }
    EXPECT_EQ(out, Expected()) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Frames, GoawayInjectorTest,
    testing::Values(
        GoawayCase{"Never", {kSettings, kHeaders, Data(1, Message("a")), Data(1, Message("b"))}, 0, -1},
        GoawayCase{"NotYet", {kSettings, kHeaders, Data(1, Message("a"))}, 2, -1},
        GoawayCase{
            "AfterTheFirst", {kSettings, kHeaders, Data(1, Message("a")), Data(1, Message("b"))}, 1, 3},
        GoawayCase{"AfterTheSecond",
                   {kSettings, kHeaders, Data(1, Message("a")), Data(1, Message("b")), kSettings},
                   2,
                   4},
        GoawayCase{"TwoMessagesInAFrame", {kHeaders, Data(1, Message("a") + Message("b")), kSettings}, 2, 2},
        GoawayCase{"AMessageInTwoFrames",
                   {kHeaders, Data(1, Message("abcdef").substr(0, 3)), Data(1, Message("abcdef").substr(3)),
                    kSettings},
                   1,
                   3},
        GoawayCase{"EmptyMessages", {kHeaders, Data(1, Message("")), Data(1, Message("")), kSettings}, 2, 3},
        GoawayCase{"StreamsIntermingled",
                   {Data(1, Message("abcdef").substr(0, 7)), Data(3, Message("b")),
                    Data(1, Message("abcdef").substr(7))},
                   2,
                   3},
        GoawayCase{"AStreamThatWasReset",
                   {Data(1, Message("abcdef").substr(0, 7)), Frame(3, 0, 1, "code"), Data(1, Message("b")),
                    kSettings},
                   1,
                   3},
        GoawayCase{"NotInAHeaderBlock",
                   {Data(1, Message("a") + "\0\0"), Frame(1, 0, 3, "he"), Frame(9, 4, 3, "ad"), kSettings},
                   1,
                   1}),
    [](const testing::TestParamInfo<GoawayCase>& each) { return each.param.name; });

TEST(GoawayInjector, InjectsWhenItBecomesDueLater) {
  GoawayInjector injector;
  std::string out;
  injector.Pass(kHeaders + Data(1, Message("a")), out);
  out.clear();
  injector.set_after(1);
  injector.InjectIfDue(out);
  EXPECT_EQ(out, kGoaway);
  injector.InjectIfDue(out);
  EXPECT_EQ(out, kGoaway);
}

TEST(GoawayInjector, WaitsForTheEndOfAFrameAndOfAHeaderBlock) {
  GoawayInjector injector;
  std::string out;
  injector.Pass(Data(1, Message("a")), out);
  injector.Pass(std::string_view(kSettings).substr(0, 4), out);
  out.clear();
  injector.set_after(1);
  injector.InjectIfDue(out);
  EXPECT_EQ(out, "");
  injector.Pass(std::string_view(kSettings).substr(4), out);
  EXPECT_EQ(out, kSettings.substr(4) + std::string(kGoaway));

  GoawayInjector in_block;
  in_block.Pass(Data(1, Message("a")) + Frame(1, 0, 3, "he"), out);
  in_block.set_after(1);
  out.clear();
  in_block.InjectIfDue(out);
  EXPECT_EQ(out, "");
  in_block.Pass(Frame(9, 4, 3, "ad"), out);
  EXPECT_EQ(out, Frame(9, 4, 3, "ad") + std::string(kGoaway));
}

TEST(GoawayInjector, ThatIsDemandedWaitsForTheSettingsAndAnOpenHeaderBlock) {
  GoawayInjector injector;
  injector.Demand();
  std::string out;
  injector.InjectIfDue(out);
  EXPECT_EQ(out, "");
  injector.Pass(kSettings, out);
  EXPECT_EQ(out, kSettings + std::string(kGoaway));
  injector.Demand();
  injector.InjectIfDue(out);
  EXPECT_EQ(out, kSettings + std::string(kGoaway));

  GoawayInjector busy;
  out.clear();
  const std::string open = Frame(1, 0, 1, "head");
  const std::string rest = Frame(9, 4, 1, "rest");
  busy.Pass(kSettings + open, out);
  busy.Demand();
  busy.InjectIfDue(out);
  EXPECT_EQ(out, kSettings + open);
  busy.Pass(rest, out);
  EXPECT_EQ(out, kSettings + open + rest + std::string(kGoaway));
}

}  // namespace
}  // namespace dispatchctl::mock
