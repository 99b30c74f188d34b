#include "commands/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/option_table.h"
#include "help/help_texts.h"
#include "text/escape.h"

namespace dispatchctl::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Command kCommands[] = {Command::kNone,   Command::kLookup, Command::kAssign, Command::kEndpoints,
                                 Command::kDoctor, Command::kHelp,   Command::kVersion};

void ExpectFits(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    EXPECT_LE(DisplayWidth(text.substr(0, end)), 80U) << text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

TEST(Help, FitsEightyColumns) {
  for (const Command command : kCommands) ExpectFits(CommandHelp(command));
  for (const std::string_view topic : HelpTopics()) ExpectFits(TopicHelp(topic));
}

TEST(Help, NamesEveryOption) {
  for (const Command command : kCommands) {
    const std::string help = CommandHelp(command);
    for (const OptionSpec& spec : GlobalOptionTable()) {
      EXPECT_THAT(help, HasSubstr("--" + std::string(spec.name)));
    }
    for (const OptionSpec& spec : CommandOptionTable(command)) {
      EXPECT_THAT(help, HasSubstr("--" + std::string(spec.name)));
    }
  }
}

TEST(Help, ShowsExamplesBeforeOptions) {
  for (const Command command : {Command::kNone, Command::kLookup, Command::kAssign, Command::kEndpoints,
                                Command::kHealth, Command::kDoctor}) {
    const std::string help = CommandHelp(command);
    EXPECT_LT(help.find("Examples:"), help.find("--server TARGET"));
  }
}

TEST(Help, HasItsTopics) {
  EXPECT_THAT(HelpTopics(), ElementsAre("exit-codes", "formats", "environment", "streaming"));
  for (const std::string_view topic : HelpTopics()) EXPECT_FALSE(TopicHelp(topic).empty());
  EXPECT_EQ(TopicHelp("nonsense"), "");
  EXPECT_THAT(TopicHelp("environment"), HasSubstr("DISPATCHCTL_MAX_RECV_BYTES"));
}

}  // namespace
}  // namespace dispatchctl::cli
