#include "mock-server/storage/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace dispatchctl::mock {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

absl::StatusCode Verdict(const AcceptedTokens& tokens, std::string_view authorization, Scope scope) {
  return tokens.Authorize(authorization, scope).code();
}

AcceptedTokens ParsedTokens(std::string_view text) {
  absl::StatusOr<AcceptedTokens> tokens = AcceptedTokens::Parse("tokens", text);
  EXPECT_TRUE(tokens.ok()) << tokens.status();
  return tokens.ok() ? *std::move(tokens) : AcceptedTokens();
}

TEST(AcceptedTokens, HaveTheScopesTheyAreGiven) {
  const AcceptedTokens tokens = ParsedTokens("reader lookup\nwriter  assign\n\tboth\tlookup,assign\n");
  EXPECT_EQ(Verdict(tokens, "Bearer reader", Scope::kLookup), absl::StatusCode::kOk);
  EXPECT_EQ(Verdict(tokens, "Bearer reader", Scope::kAssign), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Verdict(tokens, "Bearer writer", Scope::kLookup), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Verdict(tokens, "Bearer writer", Scope::kAssign), absl::StatusCode::kOk);
  EXPECT_EQ(Verdict(tokens, "bearer both", Scope::kLookup), absl::StatusCode::kOk);
  EXPECT_EQ(Verdict(tokens, "BEARER both", Scope::kAssign), absl::StatusCode::kOk);
}

TEST(AcceptedTokens, AreTheOnlyOnes) {
  const AcceptedTokens tokens = ParsedTokens("token lookup,assign");
  for (const std::string_view authorization :
       {"", "token", "Basic token", "Bearer", "Bearer ", "Bearer toke", "Bearer tokenn", "Bearer TOKEN"}) {
    EXPECT_EQ(Verdict(tokens, authorization, Scope::kLookup), absl::StatusCode::kUnauthenticated)
        << authorization;
  }
}

TEST(AcceptedTokens, MayBeNone) {
  const AcceptedTokens tokens = ParsedTokens("# nobody\n\n   \n  # at all lookup\n");
  EXPECT_EQ(Verdict(tokens, "Bearer #", Scope::kLookup), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Verdict(ParsedTokens(""), "Bearer x", Scope::kAssign), absl::StatusCode::kUnauthenticated);
}

TEST(AcceptedTokens, TakeLinesOfWindowsToo) {
  EXPECT_EQ(Verdict(ParsedTokens("token lookup\r\n"), "Bearer token", Scope::kLookup), absl::StatusCode::kOk);
}

TEST(AcceptedTokens, ComplaintsNameEveryBadLineAndNoToken) {
  const absl::StatusOr<AcceptedTokens> tokens = AcceptedTokens::Parse(
      "tokens",
      "good lookup\nsecret-1\nsecret-2 lookup assign\nsecret-3 root\nsecret-4 lookup,\ngood assign\n"
      "se\x01cret lookup\n");
  ASSERT_EQ(tokens.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(tokens.status().message());
  EXPECT_EQ(message,
            "tokens:2: expected TOKEN SCOPE[,SCOPE]\n"
            "tokens:3: expected TOKEN SCOPE[,SCOPE]\n"
            "tokens:4: the scopes are lookup and assign, with a comma between them\n"
            "tokens:5: the scopes are lookup and assign, with a comma between them\n"
            "tokens:6: the token has been named before\n"
            "tokens:7: the token is not printable ASCII");
  EXPECT_THAT(message, AllOf(Not(HasSubstr("secret")), Not(HasSubstr("good"))));
}

class TokenFileTest : public testing::Test {
 protected:
  TokenFileTest() {
    std::string name = testing::TempDir() + "tokens.XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/tokens";
  }
  ~TokenFileTest() override { std::filesystem::remove_all(folder_); }

  void Write(std::string_view text) const { std::ofstream(path_) << text; }

  // What was said about replacements, `complaints_` gets.
  std::unique_ptr<TokenFile> Open() {
    auto file = TokenFile::Open(path_, [this](std::string_view text) { complaints_.emplace_back(text); });
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? *std::move(file) : nullptr;
  }

  std::string folder_;
  std::string path_;
  std::vector<std::string> complaints_;
};

TEST_F(TokenFileTest, IsReadAgainWhenItChanges) {
  Write("one lookup\n");
  const std::unique_ptr<TokenFile> file = Open();
  ASSERT_NE(file, nullptr);
  EXPECT_TRUE(file->Authorize("Bearer one", Scope::kLookup).ok());
  // Of the same size, and within the same tick of the file system's clock.
  Write("two lookup\n");
  EXPECT_FALSE(file->Authorize("Bearer one", Scope::kLookup).ok());
  EXPECT_TRUE(file->Authorize("Bearer two", Scope::kLookup).ok());
  EXPECT_THAT(complaints_, IsEmpty());
}

TEST_F(TokenFileTest, KeepsWhatItHadWhenTheReplacementIsBroken) {
  Write("one lookup\n");
  const std::unique_ptr<TokenFile> file = Open();
  ASSERT_NE(file, nullptr);
  Write("one");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(file->Authorize("Bearer one", Scope::kLookup).ok());
  EXPECT_THAT(complaints_, ElementsAre(path_ + ":1: expected TOKEN SCOPE[,SCOPE]; "
                                               "the tokens read before stay accepted"));
  std::filesystem::remove(path_);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(file->Authorize("Bearer one", Scope::kLookup).ok());
  EXPECT_EQ(complaints_.size(), 2U);
  Write("two lookup\n");
  EXPECT_TRUE(file->Authorize("Bearer two", Scope::kLookup).ok());
  EXPECT_EQ(complaints_.size(), 2U);
}

TEST_F(TokenFileTest, MustBeUsableAtFirst) {
  EXPECT_THAT(std::string(TokenFile::Open(path_, nullptr).status().message()), HasSubstr(path_));
  Write("no-scope\n");
  EXPECT_FALSE(TokenFile::Open(path_, nullptr).ok());
}

}  // namespace
}  // namespace dispatchctl::mock
