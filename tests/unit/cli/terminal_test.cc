#include "terminal/terminal.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dispatchctl::cli {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

bool Color(ColorMode mode, bool terminal, const Variables& variables) {
  return UseColor(mode, terminal, [&](std::string_view name) -> std::optional<std::string_view> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

TEST(Color, GoesToTerminalsThatAreNotDumb) {
  EXPECT_TRUE(Color(ColorMode::kAuto, true, {{"TERM", "xterm"}}));
  EXPECT_TRUE(Color(ColorMode::kAuto, true, {}));
  EXPECT_FALSE(Color(ColorMode::kAuto, true, {{"TERM", "dumb"}}));
  EXPECT_FALSE(Color(ColorMode::kAuto, false, {{"TERM", "xterm"}}));
}

TEST(Color, NoColorBeatsForce) {
  EXPECT_FALSE(Color(ColorMode::kAuto, true, {{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}}));
  EXPECT_TRUE(Color(ColorMode::kAuto, true, {{"NO_COLOR", ""}}));
}

TEST(Color, ForceBeatsTheRest) {
  EXPECT_TRUE(Color(ColorMode::kAuto, false, {{"CLICOLOR_FORCE", "1"}, {"CLICOLOR", "0"}, {"TERM", "dumb"}}));
  EXPECT_TRUE(Color(ColorMode::kAuto, false, {{"FORCE_COLOR", "1"}}));
  EXPECT_FALSE(Color(ColorMode::kAuto, false, {{"CLICOLOR_FORCE", "0"}}));
  EXPECT_FALSE(Color(ColorMode::kAuto, true, {{"CLICOLOR", "0"}}));
}

TEST(Color, TheFlagBeatsEverything) {
  EXPECT_TRUE(Color(ColorMode::kAlways, false, {{"NO_COLOR", "1"}}));
  EXPECT_FALSE(Color(ColorMode::kNever, true, {{"CLICOLOR_FORCE", "1"}}));
}

TEST(OutputFormat, AutoIsATableForPeopleOnly) {
  EXPECT_EQ(ResolveOutputFormat(OutputFormat::kAuto, true), OutputFormat::kTable);
  EXPECT_EQ(ResolveOutputFormat(OutputFormat::kAuto, false), OutputFormat::kNdjson);
  EXPECT_EQ(ResolveOutputFormat(OutputFormat::kCsv, true), OutputFormat::kCsv);
}

TEST(ErrorFormat, FollowsTheOutputUnlessTold) {
  EXPECT_TRUE(WantsJsonErrors(ErrorFormat::kAuto, OutputFormat::kJson));
  EXPECT_TRUE(WantsJsonErrors(ErrorFormat::kAuto, OutputFormat::kNdjson));
  EXPECT_FALSE(WantsJsonErrors(ErrorFormat::kAuto, OutputFormat::kTable));
  EXPECT_FALSE(WantsJsonErrors(ErrorFormat::kAuto, OutputFormat::kCsv));
  EXPECT_TRUE(WantsJsonErrors(ErrorFormat::kJson, OutputFormat::kTable));
  EXPECT_FALSE(WantsJsonErrors(ErrorFormat::kText, OutputFormat::kJson));
}

TEST(Terminal, KnowsAUtf8Locale) {
  const auto is_utf8 = [](const std::map<std::string, std::string, std::less<>>& variables) {
    return LocaleIsUtf8([&variables](std::string_view name) -> std::optional<std::string_view> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    });
  };
  EXPECT_TRUE(is_utf8({{"LANG", "C.UTF-8"}}));
  EXPECT_TRUE(is_utf8({{"LANG", "de_CH.utf8@euro"}}));
  EXPECT_TRUE(is_utf8({{"LC_ALL", ""}, {"LC_CTYPE", "en_US.UTF-8"}, {"LANG", "C"}}));
  EXPECT_FALSE(is_utf8({{"LC_ALL", "C"}, {"LANG", "en_US.UTF-8"}}));
  EXPECT_FALSE(is_utf8({{"LANG", "de_DE.ISO-8859-1"}}));
  EXPECT_FALSE(is_utf8({{"LANG", "en_US"}}));
  EXPECT_FALSE(is_utf8({}));
}

}  // namespace
}  // namespace dispatchctl::cli
