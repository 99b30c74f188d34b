#include "config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dispatchctl::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string Told(const ConfigProblem& problem) {
  std::string text =
      std::to_string(problem.line) + ":" + std::to_string(problem.column) + ": " + problem.message;
  return problem.hint.empty() ? text : text + " | " + problem.hint;
}

// Everything that is wrong, in the order of the file.
std::vector<std::string> ProblemsOf(std::string_view text) {
  const ConfigFile config = ParseConfig(text);
  std::vector<std::string> all;
  if (config.syntax_error.has_value()) all.push_back(Told(*config.syntax_error));
  for (const ConfigProblem& problem : config.problems) all.push_back(Told(problem));
  for (const ConfigContext& context : config.contexts) {
    for (const ConfigProblem& problem : context.problems) all.push_back(Told(problem));
  }
  return all;
}

std::vector<std::string> ValuesOf(const ConfigFile& config, std::string_view context, std::string_view key) {
  const ConfigContext* const found = FindContext(config, context);
  const ConfigEntry* const entry = found == nullptr ? nullptr : FindEntry(*found, key);
  return entry == nullptr ? std::vector<std::string>{"not there"} : entry->values;
}

TEST(ConfigFile, HoldsContextsOfGlobalOptions) {
  const ConfigFile config = ParseConfig(R"(current-context = "staging"
[contexts.staging]
server = "dns:///staging.example:443"
token-file = "t"
timeout = "5s"
max-attempts = 7
max-recv-bytes = "1MiB"
wait-for-ready = true
verbose = 2
header = ["a: b", '@f']
[contexts.local]
server = 'localhost:1'
header = "c: d"
)");
  EXPECT_FALSE(config.syntax_error.has_value());
  EXPECT_THAT(config.problems, IsEmpty());
  EXPECT_THAT(config.current->values, ElementsAre("staging"));
  ASSERT_THAT(config.contexts, SizeIs(2));
  EXPECT_THAT(config.contexts[0].problems, IsEmpty());
  EXPECT_EQ(config.contexts[1].name, "local");
  EXPECT_THAT(ValuesOf(config, "staging", "server"), ElementsAre("dns:///staging.example:443"));
  EXPECT_THAT(ValuesOf(config, "staging", "max-attempts"), ElementsAre("7"));
  EXPECT_THAT(ValuesOf(config, "staging", "max-recv-bytes"), ElementsAre("1MiB"));
  EXPECT_THAT(ValuesOf(config, "staging", "wait-for-ready"), ElementsAre("true"));
  EXPECT_THAT(ValuesOf(config, "staging", "verbose"), ElementsAre("2"));
  EXPECT_THAT(ValuesOf(config, "staging", "header"), ElementsAre("a: b", "@f"));
  EXPECT_THAT(ValuesOf(config, "local", "header"), ElementsAre("c: d"));
}

TEST(ConfigFile, MayBeEmpty) {
  EXPECT_THAT(ProblemsOf(""), IsEmpty());
  EXPECT_THAT(ProblemsOf("\xef\xbb\xbf# only this\n"), IsEmpty());
  EXPECT_THAT(ProblemsOf("[contexts.bare]\n"), IsEmpty());
}

TEST(ConfigFile, TellsWhereEverythingStands) {
  const std::string text = "\xef\xbb\xbf[contexts.\"caf\xc3\xa9\"]\r\nserver = \"\xc3\xa9:1\"  # why\r\n";
  const ConfigFile config = ParseConfig(text);
  ASSERT_THAT(config.contexts, SizeIs(1));
  EXPECT_THAT(config.contexts[0].problems, IsEmpty());
  const ConfigEntry& entry = config.contexts[0].entries.at(0);
  EXPECT_EQ(text.substr(entry.key_range.begin, 6), "server");
  EXPECT_EQ(text.substr(entry.value_range.begin, entry.value_range.end - entry.value_range.begin),
            "\"\xc3\xa9:1\"");
  EXPECT_EQ(entry.value_range.line, 2U);
  EXPECT_EQ(entry.value_range.column, 10U);
}

TEST(ConfigFile, AcceptsEveryOptionThatMakesSenseThere) {
  for (const OptionSpec& spec : GlobalOptionTable()) {
    const std::string key(spec.name);
    const ConfigFile config = ParseConfig("[contexts.x]\n" + key + " = 1979-05-27\n");
    const std::string told = Told(config.contexts.at(0).problems.at(0));
    if (spec.name == "context" || spec.name == "config") {
      EXPECT_THAT(told, HasSubstr("cannot stand in a context"));
    } else {
      EXPECT_THAT(told, HasSubstr("2:" + std::to_string(key.size() + 4) + ": " + key +
                                  " is a date or time: expected "));
    }
  }
}

TEST(ConfigFile, NamesUnknownKeysWithTheNearest) {
  EXPECT_THAT(ProblemsOf("[contexts.x]\n\n  servr = \"h:1\"\n"),
              ElementsAre("3:3: unknown key 'servr' | did you mean 'server'?"));
  EXPECT_THAT(ProblemsOf("curent-context = \"x\"\n"),
              ElementsAre("1:1: unknown key 'curent-context' | did you mean 'current-context'?"));
  EXPECT_THAT(ProblemsOf("server = \"h:1\"\n"),
              ElementsAre(AllOf(HasSubstr("unknown key 'server'"), HasSubstr("[contexts.staging]"))));
  EXPECT_THAT(ProblemsOf("[contexts.x]\ntoken = \"s3cret\"\n"),
              ElementsAre(AllOf(HasSubstr("token-file"), Not(HasSubstr("s3cret")))));
}

TEST(ConfigFile, NamesWrongTypesAndValues) {
  EXPECT_THAT(ProblemsOf("[contexts.x]\ntls = \"yes\"\n"),
              ElementsAre("2:7: tls is a string: expected true or false"));
  EXPECT_THAT(ProblemsOf("[contexts.x]\nserver = 5\n"),
              ElementsAre("2:10: server is a number: expected a string, in quotes"));
  EXPECT_THAT(ProblemsOf("[contexts.x]\ntimeout = 5\n"),
              ElementsAre("2:11: timeout is a number: expected a string, in quotes"));
  EXPECT_THAT(ProblemsOf("[contexts.x]\nheader = [1]\n"),
              ElementsAre("2:11: header is a number: expected a string, or an array of strings"));
  EXPECT_THAT(ProblemsOf("[contexts.x]\nmax-attempts = 1.5\n"),
              ElementsAre("2:16: max-attempts is a fractional number: expected a whole number"));
  EXPECT_THAT(ProblemsOf("[contexts.x]\ntimeout = \"5\"\n"),
              ElementsAre(HasSubstr("2:11: invalid value '5' for timeout: a duration needs a unit")));
  EXPECT_THAT(ProblemsOf("[contexts.x]\nmax-attempts = 1000\n"), ElementsAre(HasSubstr("from 1 to 100")));
  EXPECT_THAT(ProblemsOf("[contexts.x]\nlb = \"random\"\n"), ElementsAre(HasSubstr("expected round_robin")));
  EXPECT_THAT(ProblemsOf("[contexts.x]\nserver = \"\"\n"), ElementsAre(HasSubstr("must not be empty")));
  EXPECT_THAT(ProblemsOf("contexts = 3\n"), ElementsAre(HasSubstr("1:12: contexts is a number")));
  EXPECT_THAT(ProblemsOf("[contexts]\nx = 3\n"), ElementsAre(HasSubstr("2:5: contexts.x is a number")));
  EXPECT_THAT(ProblemsOf("[[contexts.x]]\n"), ElementsAre(HasSubstr("contexts.x is an array")));
  EXPECT_THAT(ProblemsOf("current-context = 1\n"), ElementsAre(HasSubstr("1:19: current-context is a num")));
}

TEST(ConfigFile, ReportsAllProblems) {
  EXPECT_THAT(
      ProblemsOf(
          "current-context = \"y\"\nx = 1\n[contexts.a]\nservr = 1\ntimeout = 2\n[contexts.b]\nq = 1\n"),
      SizeIs(5));
}

TEST(ConfigFile, StopsAtWhatIsNotToml) {
  EXPECT_THAT(ProblemsOf("[contexts.x]\nserver = h:1\n"), ElementsAre(HasSubstr("2:10: not TOML: ")));
  EXPECT_THAT(ProblemsOf("a = 1\na = 2\n"), ElementsAre(HasSubstr("2:")));
  EXPECT_THAT(ProblemsOf("a = \"\xff\"\n"), ElementsAre("1:6: not TOML: invalid UTF-8"));
  EXPECT_THAT(ProblemsOf(std::string_view("a = 1\n[\0contexts.x]\n", 19)),
              ElementsAre("2:2: not TOML: a control character"));
  EXPECT_THAT(ProblemsOf("[contexts.x\n"), ElementsAre(HasSubstr("1:12: not TOML")));
}

TEST(ConfigFile, KeepsSecretsOut) {
  for (const char* key : {"authorization", "Authorization", "proxy-authorization", "cookie"}) {
    const std::string line = "header = [\"x: y\", \"" + std::string(key) + ": Bearer s3cret\"]\n";
    EXPECT_THAT(ProblemsOf("[contexts.x]\n" + line),
                ElementsAre(AllOf(HasSubstr("2:19: "), HasSubstr("is a secret"), HasSubstr("@FILE"),
                                  Not(HasSubstr("s3cret")))));
  }
  EXPECT_THAT(ProblemsOf("[contexts.x]\nheader = \"no colon s3cret\"\n"),
              ElementsAre(AllOf(HasSubstr("expected 'key: value'"), Not(HasSubstr("s3cret")))));
}

TEST(ConfigFile, SeesContradictions) {
  EXPECT_THAT(ProblemsOf("[contexts.x]\ntls = true\nplaintext = true\n"),
              ElementsAre("3:1: tls and plaintext exclude each other"));
  EXPECT_THAT(ProblemsOf("[contexts.x]\nplaintext = true\ncacert = \"f\"\n"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("[contexts.x]\ntls = false\nplaintext = true\n"), IsEmpty());
}

TEST(ConfigFile, ChecksNamesOfContexts) {
  EXPECT_THAT(ProblemsOf("current-context = \"stagin\"\n[contexts.staging]\n"),
              ElementsAre("1:19: current-context is 'stagin', but there is no such context | did you mean "
                          "'staging'?"));
  EXPECT_THAT(ProblemsOf("[contexts.\"a b\"]\n"), ElementsAre(HasSubstr("1:11: the name of context 'a b'")));
  EXPECT_EQ(ContextNameProblem("arn:aws:x/y@z.1"), "");
  EXPECT_NE(ContextNameProblem(""), "");
  EXPECT_NE(ContextNameProblem("-x"), "");
  EXPECT_NE(ContextNameProblem("$(reboot)"), "");
  EXPECT_NE(ContextNameProblem("a\nb"), "");
}

TEST(ConfigFile, WritesWhatItReads) {
  for (const char* text : {"plain", "with \"quotes\" and \\", "tab\tand\nnewline \x7f", "\xc3\xa9"}) {
    const std::string line = "[contexts.x]\nserver = " + TomlString(text) + "\n";
    EXPECT_THAT(ValuesOf(ParseConfig(line), "x", "server"), ElementsAre(text));
  }
  EXPECT_EQ(TomlKey("a-b_1"), "a-b_1");
  EXPECT_EQ(TomlKey("a.b"), "\"a.b\"");
  EXPECT_EQ(TomlValue(*FindGlobalOption("tls"), {"yes"}), "true");
  EXPECT_EQ(TomlValue(*FindGlobalOption("max-attempts"), {"7"}), "7");
  EXPECT_EQ(TomlValue(*FindGlobalOption("max-recv-bytes"), {"1MiB"}), "\"1MiB\"");
  EXPECT_EQ(TomlValue(*FindGlobalOption("header"), {"a: b", "c: \"d\""}), R"(["a: b", "c: \"d\""])");
}

}  // namespace
}  // namespace dispatchctl::cli
