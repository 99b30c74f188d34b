#include "config/config_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/config_file.h"

namespace dispatchctl::cli {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kFile = R"(# Contexts of the routing team.

current-context = "staging"   # until the move

# What we try things on.
[contexts.staging]
server = "staging:443" # the new one
  timeout = "5s"
# tokens are in the vault

# Careful.
[contexts.production]
server = "production:443"
)";

std::string Text(const absl::StatusOr<std::string>& edited) {
  return edited.ok() ? *edited : std::string(edited.status().message());
}

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  const std::size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) out.replace(at, from.size(), to);
  return out;
}

TEST(ConfigEdit, AValueChangesAndNothingElse) {
  EXPECT_EQ(Text(WithContext(kFile, "staging", {{"server", "\"other:1\""}})),
            Replaced(kFile, "\"staging:443\"", "\"other:1\""));
  EXPECT_EQ(Text(WithContext(kFile, "production", {{"server", "\"p:1\""}})),
            Replaced(kFile, "\"production:443\"", "\"p:1\""));
}

TEST(ConfigEdit, ANewKeyComesBehindTheLastOne) {
  EXPECT_EQ(Text(WithContext(kFile, "staging", {{"tls", "true"}})),
            Replaced(kFile, "  timeout = \"5s\"\n", "  timeout = \"5s\"\n  tls = true\n"));
  EXPECT_EQ(Text(WithContext("[contexts.x] # none yet", "x", {{"tls", "true"}})),
            "[contexts.x] # none yet\ntls = true\n");
}

TEST(ConfigEdit, AKeyGoesWithItsLine) {
  EXPECT_EQ(Text(WithContext(kFile, "staging", {{"timeout"}})), Replaced(kFile, "  timeout = \"5s\"\n", ""));
  EXPECT_EQ(
      Text(WithContext("[contexts.x]\nheader = [\n \"a: b\", # why\n]\ntls = true\n", "x", {{"header"}})),
      "[contexts.x]\ntls = true\n");
  EXPECT_EQ(Text(WithContext(kFile, "staging", {{"key"}})), kFile);
}

TEST(ConfigEdit, ANewContextComesAtTheEnd) {
  EXPECT_EQ(Text(WithContext("", "x", {{"server", "\"h:1\""}, {"tls", "true"}})),
            "[contexts.x]\nserver = \"h:1\"\ntls = true\n");
  EXPECT_EQ(Text(WithContext(kFile, "a.b", {{"server", "\"h:1\""}})),
            std::string(kFile) + "\n[contexts.\"a.b\"]\nserver = \"h:1\"\n");
  EXPECT_EQ(Text(WithContext("# no newline", "x", {{"tls", "true"}})),
            "# no newline\n\n[contexts.x]\ntls = true\n");
}

TEST(ConfigEdit, LineEndsStayAsTheyAre) {
  EXPECT_EQ(Text(WithContext("[contexts.x]\r\ntls = true\r\n", "x", {{"server", "\"h:1\""}})),
            "[contexts.x]\r\ntls = true\r\nserver = \"h:1\"\r\n");
}

TEST(ConfigEdit, DottedKeysStayDotted) {
  EXPECT_EQ(Text(WithContext("contexts.x.server = \"h:1\"\n", "x", {{"tls", "true"}})),
            "contexts.x.server = \"h:1\"\ncontexts.x.tls = true\n");
  EXPECT_EQ(Text(WithContext("[contexts]\nx.server = \"h:1\"\ny.tls = true\n", "x", {{"tls", "true"}})),
            "[contexts]\nx.server = \"h:1\"\nx.tls = true\ny.tls = true\n");
  EXPECT_EQ(Text(WithoutContext("[contexts]\nx.server = \"h:1\"\ny.tls = true\nx.tls = true\n", "x")),
            "[contexts]\ny.tls = true\n");
}

TEST(ConfigEdit, BracesStayBraces) {
  constexpr std::string_view kInline =
      "[contexts]\nx = { server = 'h:1', tls = true, lb = 'ring_hash' } # x\ny = {}\n";
  EXPECT_EQ(Text(WithContext(kInline, "x", {{"key", "\"k\""}})),
            Replaced(kInline, "'ring_hash'", "'ring_hash', key = \"k\""));
  EXPECT_EQ(Text(WithContext(kInline, "y", {{"tls", "true"}})), Replaced(kInline, "{}", "{ tls = true }"));
  EXPECT_EQ(Text(WithContext(kInline, "x", {{"server"}})), Replaced(kInline, "server = 'h:1', ", ""));
  EXPECT_EQ(Text(WithContext(kInline, "x", {{"lb"}})), Replaced(kInline, ", lb = 'ring_hash'", ""));
  EXPECT_EQ(Text(WithoutContext(kInline, "x")), "[contexts]\ny = {}\n");
  EXPECT_EQ(Text(WithoutContext("contexts = { x = {}, y = { tls = true } }\n", "x")),
            "contexts = { y = { tls = true } }\n");
}

TEST(ConfigEdit, ADeletedContextTakesItsCommentAndTheCurrentOneWithIt) {
  EXPECT_EQ(Text(WithoutContext(kFile, "staging")), R"(# Contexts of the routing team.

# tokens are in the vault

# Careful.
[contexts.production]
server = "production:443"
)");
  EXPECT_EQ(Text(WithoutContext(kFile, "production")),
            Replaced(kFile, "# Careful.\n[contexts.production]\nserver = \"production:443\"\n", ""));
}

TEST(ConfigEdit, TheCurrentContextChangesInPlace) {
  EXPECT_EQ(Text(WithCurrentContext(kFile, "production")), Replaced(kFile, "\"staging\"", "\"production\""));
}

TEST(ConfigEdit, TheCurrentContextStandsBeforeTheFirstHeader) {
  EXPECT_EQ(Text(WithCurrentContext("[contexts.x]\n", "x")), "current-context = \"x\"\n\n[contexts.x]\n");
  EXPECT_EQ(Text(WithCurrentContext("# mine\n\n[contexts.x]\n", "x")),
            "# mine\n\ncurrent-context = \"x\"\n\n[contexts.x]\n");
  EXPECT_EQ(Text(WithCurrentContext("# of x\n[contexts.x]\n", "x")),
            "current-context = \"x\"\n\n# of x\n[contexts.x]\n");
  EXPECT_EQ(Text(WithCurrentContext("\xef\xbb\xbf[contexts.x]\n", "x")),
            "\xef\xbb\xbf"
            "current-context = \"x\"\n\n[contexts.x]\n");
}

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t end = 0; !text.empty(); text.remove_prefix(std::min(end + 1, text.size()))) {
    end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
  }
  return lines;
}

// True when `lines` has all of `wanted`, in order.
bool HasInOrder(const std::vector<std::string>& lines, const std::vector<std::string>& wanted) {
  auto next = wanted.begin();
  for (const std::string& line : lines) {
    if (next != wanted.end() && line == *next) ++next;
  }
  return next == wanted.end();
}

TEST(ConfigEdit, NoBeginningOfAFileLosesALine) {
  constexpr std::string_view kAllForms = R"(# first
current-context = "a" # the current one
contexts.dotted.server = "d:1" # dotted
contexts.dotted.tls = true
# section
[contexts.a]
header = [ # several
  "a: b", # one
  'c: d' ]
text = """
[contexts.fake]
# no comment
"""

[contexts."q d"] # quoted
[contexts.in]
lb = 'ring_hash'
)";
  int edited_count = 0;
  for (std::size_t size = 0; size <= kAllForms.size(); ++size) {
    const std::string_view text = kAllForms.substr(0, size);
    const bool readable = !ParseConfig(text).syntax_error.has_value();
    const absl::StatusOr<std::string> edited = WithContext(text, "new", {{"server", "\"n:1\""}});
    ASSERT_EQ(edited.ok(), readable) << text;
    if (!readable) continue;
    ++edited_count;
    EXPECT_TRUE(HasInOrder(LinesOf(*edited), LinesOf(text))) << *edited;
    const absl::StatusOr<std::string> used = WithCurrentContext(*edited, "new");
    ASSERT_TRUE(used.ok()) << used.status().message() << *edited;
    const ConfigFile config = ParseConfig(*used);
    EXPECT_EQ(config.current->values.front(), "new");
    EXPECT_EQ(FindEntry(*FindContext(config, "new"), "server")->values.front(), "n:1");
    // Every other context can go, and takes no other with it.
    for (const ConfigContext& context : config.contexts) {
      const absl::StatusOr<std::string> without = WithoutContext(*used, context.name);
      ASSERT_TRUE(without.ok()) << without.status().message() << context.name << " of\n" << *used;
      EXPECT_EQ(ParseConfig(*without).contexts.size() + 1, config.contexts.size()) << *without;
    }
  }
  EXPECT_GT(edited_count, 20);
}

TEST(ConfigEdit, WhatIsNotThereIsTold) {
  EXPECT_TRUE(absl::IsNotFound(WithCurrentContext(kFile, "x").status()));
  EXPECT_TRUE(absl::IsNotFound(WithoutContext(kFile, "x").status()));
}

TEST(ConfigEdit, WhatCannotBeEditedIsLeftToPeople) {
  EXPECT_THAT(Text(WithContext("contexts = { x = { tls = true } }\n", "y", {{"tls", "true"}})),
              HasSubstr("edit it by hand"));
  EXPECT_THAT(Text(WithContext("[contexts.x\n", "x", {{"tls", "true"}})), HasSubstr("not TOML"));
  EXPECT_THAT(Text(WithoutContext("[contexts.x]\n[contexts.x.deeper]\na = 1\n", "x")),
              HasSubstr("edit it by hand"));
  EXPECT_THAT(Text(WithCurrentContext("current-context = 1\n[contexts.x]\n", "x")), HasSubstr("by hand"));
}

}  // namespace
}  // namespace dispatchctl::cli
