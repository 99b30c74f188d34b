#include "mock-server/storage/token_file.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace dispatchctl::mock {
namespace {

unsigned Bit(Scope scope) {
  return 1U << static_cast<unsigned>(scope);
}

absl::StatusOr<unsigned> ParseScopes(absl::string_view text) {
  unsigned scopes = 0;
  for (const absl::string_view scope : absl::StrSplit(text, ',')) {
    if (scope == "lookup") {
      scopes |= Bit(Scope::kLookup);
    } else if (scope == "assign") {
      scopes |= Bit(Scope::kAssign);
    } else {
      return absl::InvalidArgumentError("the scopes are lookup and assign, with a comma between them");
    }
  }
  return scopes;
}

std::array<unsigned char, SHA256_DIGEST_LENGTH> DigestOf(absl::string_view token) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

}  // namespace

absl::StatusOr<AcceptedTokens> AcceptedTokens::Parse(std::string_view name, std::string_view text) {
  AcceptedTokens tokens;
  std::string errors;
  int number = 0;
  const auto complain = [&](std::string_view what) {
    errors += fmt::format("{}{}:{}: {}", errors.empty() ? "" : "\n", name, number, what);
  };
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() != 2) {
      complain("expected TOKEN SCOPE[,SCOPE]");
      continue;
    }
    if (!std::all_of(words[0].begin(), words[0].end(), absl::ascii_isgraph)) {
      complain("the token is not printable ASCII");
      continue;
    }
    const absl::StatusOr<unsigned> scopes = ParseScopes(words[1]);
    if (!scopes.ok()) {
      complain(std::string(scopes.status().message()));
      continue;
    }
    const auto digest = DigestOf(words[0]);
    if (std::any_of(tokens.entries_.begin(), tokens.entries_.end(),
                    [&](const Entry& entry) { return entry.digest == digest; })) {
      complain("the token has been named before");
      continue;
    }
    tokens.entries_.push_back({digest, *scopes});
  }
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return tokens;
}

absl::Status AcceptedTokens::Authorize(std::string_view authorization, Scope scope) const {
  constexpr absl::string_view kScheme = "bearer ";
  absl::string_view token(authorization.data(), authorization.size());
  if (token.empty()) return absl::UnauthenticatedError("a bearer token is needed");
  if (!absl::StartsWithIgnoreCase(token, kScheme)) {
    return absl::UnauthenticatedError("the authorization is not a bearer token");
  }
  token = absl::StripAsciiWhitespace(token.substr(kScheme.size()));
  const auto digest = DigestOf(token);
  bool known = false;
  unsigned scopes = 0;
  for (const Entry& entry : entries_) {
    const bool same = CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0;
    known = known || same;
    scopes |= same ? entry.scopes : 0U;
  }
  if (!known) return absl::UnauthenticatedError("the token is not known");
  if ((scopes & Bit(scope)) != 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("the token has not the scope {}", scope == Scope::kLookup ? "lookup" : "assign"));
}

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(const std::string& path,
                                                           std::function<void(std::string_view)> complain) {
  std::unique_ptr<TokenFile> file(new TokenFile(path, std::move(complain)));
  const std::lock_guard<std::mutex> lock(file->mutex_);
  if (absl::Status status = file->Refresh(); !status.ok()) return status;
  return file;
}

absl::Status TokenFile::Refresh() {
  const std::optional<absl::StatusOr<ChangingFiles::Contents>> contents = file_.Poll();
  if (!contents.has_value()) return absl::OkStatus();
  if (!contents->ok()) return contents->status();
  absl::StatusOr<AcceptedTokens> tokens = AcceptedTokens::Parse(path_, (*contents)->front());
  if (!tokens.ok()) return tokens.status();
  tokens_ = *std::move(tokens);
  return absl::OkStatus();
}

absl::Status TokenFile::Authorize(std::string_view authorization, Scope scope) {
  absl::Status problem;
  absl::Status verdict;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    problem = Refresh();
    verdict = tokens_.Authorize(authorization, scope);
  }
  if (!problem.ok() && complain_) {
    complain_(fmt::format("{}; the tokens read before stay accepted", std::string(problem.message())));
  }
  return verdict;
}

}  // namespace dispatchctl::mock
