#include "completion/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/option_table.h"
#include "help/help_texts.h"

namespace dispatchctl::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Words = std::vector<std::string_view>;

Completion After(const Words& words) {
  return Complete(words, [](const std::string& config_file) {
    if (config_file == "other.toml") return std::vector<std::string>{"elsewhere"};
    EXPECT_EQ(config_file, "");
    return std::vector<std::string>{"staging", "production"};
  });
}

std::vector<std::string> Offered(const Words& words) {
  std::vector<std::string> offered;
  for (const Candidate& candidate : After(words).candidates) offered.push_back(candidate.word);
  return offered;
}

TEST(Candidates, CommandsComeFirst) {
  std::vector<std::string> commands;
  for (const CommandSpec& spec : CommandTable()) commands.emplace_back(spec.name);
  EXPECT_EQ(Offered({""}), commands);
  EXPECT_EQ(Offered({"-s", "h:1", "-q", ""}), commands);
  EXPECT_THAT(Offered({"lo"}), ElementsAre("lookup"));
  EXPECT_THAT(Offered({"lokup", ""}), IsEmpty());
}

TEST(Candidates, EveryOptionOfACommandIsOffered) {
  for (const CommandSpec& command : CommandTable()) {
    std::vector<std::string> expected;
    for (const OptionSpec& spec : command.options()) expected.push_back("--" + std::string(spec.name));
    for (const OptionSpec& spec : GlobalOptionTable()) expected.push_back("--" + std::string(spec.name));
    expected.insert(expected.end(), {"--help", "--version"});
    EXPECT_EQ(Offered({command.name, "-"}), expected);
    EXPECT_EQ(Offered({command.name, "--"}), expected);
  }
}

TEST(Candidates, AnOptionIsOfferedOnceUnlessItMayBeRepeated) {
  EXPECT_THAT(Offered({"lookup", "--tls", "--t"}), ElementsAre("--timeout", "--token-file", "--trace"));
  EXPECT_THAT(Offered({"lookup", "-H", "a: b", "--he"}), ElementsAre("--header", "--hedge", "--help"));
  EXPECT_THAT(Offered({"-s", "h:1", "lookup", "--ser"}), ElementsAre("--service-config", "--server-name"));
}

TEST(Candidates, EveryChoiceOfAnOptionIsOffered) {
  const auto check = [](std::string_view command, std::span<const OptionSpec> table) {
    for (const OptionSpec& spec : table) {
      if (spec.choices.empty()) continue;
      const std::vector<std::string> choices(spec.choices.begin(), spec.choices.end());
      const std::string name = "--" + std::string(spec.name);
      EXPECT_EQ(Offered({command, name, ""}), choices);
      std::vector<std::string> assigned;
      for (const std::string& choice : choices) assigned.push_back(name + "=" + choice);
      EXPECT_EQ(Offered({command, name + "="}), assigned);
    }
  };
  for (const CommandSpec& command : CommandTable()) {
    check(command.name, command.options());
    check(command.name, GlobalOptionTable());
  }
}

TEST(Candidates, ValuesFollowTheirOption) {
  EXPECT_THAT(Offered({"lookup", "--lb", "r"}), ElementsAre("round_robin", "ring_hash"));
  EXPECT_THAT(Offered({"lookup", "--lb=w"}), ElementsAre("--lb=weighted_round_robin"));
  EXPECT_THAT(Offered({"-ojs"}), ElementsAre("-ojson"));
  EXPECT_THAT(Offered({"-qvo", "t"}), ElementsAre("table"));
  EXPECT_THAT(Offered({"lookup", "--tls="}), ElementsAre("--tls=true", "--tls=false"));
  EXPECT_THAT(Offered({"lookup", "--server", ""}), IsEmpty());
  EXPECT_THAT(Offered({"lookup", "--nonsense="}), IsEmpty());
}

TEST(Candidates, FilesAreLeftToTheShell) {
  for (const Words& words : {Words{"lookup", "--cacert", ""}, Words{"lookup", "-f", "x"},
                             Words{"--config", ""}, Words{"context", "validate", ""}}) {
    EXPECT_TRUE(After(words).files);
    EXPECT_EQ(After(words).file_prefix, "");
  }
  EXPECT_EQ(After({"lookup", "--cacert=/e"}).file_prefix, "--cacert=");
  EXPECT_EQ(After({"assign", "-fx"}).file_prefix, "-f");
  EXPECT_EQ(After({"lookup", "-H", "@x"}).file_prefix, "@");
  EXPECT_FALSE(After({"lookup", "-H", "x"}).files);
  EXPECT_FALSE(After({"lookup", ""}).files);
}

TEST(Candidates, ContextsComeFromTheFileThatTheLineNames) {
  EXPECT_THAT(Offered({"lookup", "-c", ""}), ElementsAre("staging", "production"));
  EXPECT_THAT(Offered({"--context=p"}), ElementsAre("--context=production"));
  for (const char* action : {"show", "set", "use", "delete"}) {
    EXPECT_THAT(Offered({"context", action, "s"}), ElementsAre("staging")) << action;
    EXPECT_THAT(Offered({"context", action, "staging", ""}), IsEmpty()) << action;
  }
  EXPECT_THAT(Offered({"context", "list", ""}), IsEmpty());
  EXPECT_THAT(Offered({"--config", "other.toml", "context", "use", ""}), ElementsAre("elsewhere"));
  EXPECT_THAT(Offered({"context", "use", "--config=other.toml", ""}), ElementsAre("elsewhere"));
}

TEST(Candidates, WordsOfACommandAreOffered) {
  EXPECT_THAT(Offered({"context", ""}),
              ElementsAre("list", "show", "set", "use", "delete", "validate", "path"));
  EXPECT_THAT(Offered({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(Offered({"completion", "bash", ""}), IsEmpty());
  std::vector<std::string> known = Offered({"help", ""});
  for (const std::string_view topic : HelpTopics()) EXPECT_THAT(known, Contains(topic));
  for (const CommandSpec& spec : CommandTable()) EXPECT_THAT(known, Contains(spec.name));
}

TEST(Candidates, UnsetTakesNamesOfOptionsThatMayStandInAContext) {
  EXPECT_THAT(Offered({"context", "set", "x", "--unset", "c"}),
              UnorderedElementsAre("connect-timeout", "cacert", "cert", "color"));
}

TEST(Candidates, NothingIsAnOptionBehindTwoDashes) {
  EXPECT_THAT(Offered({"lookup", "--", "--"}), IsEmpty());
  EXPECT_THAT(Offered({"context", "--", "li"}), ElementsAre("list"));
  EXPECT_THAT(Offered({"lookup", "--server", "--", "--tl"}), ElementsAre("--tls"));
}

TEST(Candidates, NoLineIsNoTrouble) {
  EXPECT_THAT(Complete({}, [](const std::string&) { return std::vector<std::string>{}; }).candidates,
              IsEmpty());
}

}  // namespace
}  // namespace dispatchctl::cli
