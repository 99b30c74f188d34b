#include "transport/token_file.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

#include <utility>

#include "contract/text.h"

namespace dispatchctl::internal {
namespace {

constexpr std::string_view kOption = "token_file";

// Servers take 8 KiB of metadata unless told otherwise.
constexpr std::size_t kMostTokenBytes = std::size_t{16} << 10U;

}  // namespace

absl::StatusOr<std::string> ParseToken(std::string_view path, std::string_view content) {
  const auto failure = [path](std::string_view what) {
    return absl::FailedPreconditionError(absl::StrCat(View(kOption), ": ", Quoted(path), " ", View(what)));
  };
  const absl::string_view token = absl::StripAsciiWhitespace(View(content));
  if (token.empty()) return failure("is empty: it should hold a token");
  for (const char c : token) {
    if (c == '\n' || c == '\r') return failure("has more than one line: it should hold one token");
    if (c == ' ')
      return failure("has a space in its token; leave out what comes before it, such as \"Bearer\"");
    // What a token may consist of is the server's to say, as long as it can be sent.
    if (c < 0x21 || c > 0x7E) return failure("holds no token: it has bytes that are not printable ASCII");
  }
  return std::string(token);
}

TokenFile::TokenFile(const std::string& path, std::function<void(std::string_view)> warn)
    : path_(path), warn_(std::move(warn)), file_({{kOption, path}}, kMostTokenBytes) {}

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(const std::string& path,
                                                           std::function<void(std::string_view)> warn,
                                                           Time now) {
  std::unique_ptr<TokenFile> file(new TokenFile(path, std::move(warn)));
  const std::lock_guard<std::mutex> lock(file->mutex_);
  if (absl::Status status = file->Refresh(now, /*now_or_never=*/true); !status.ok()) return status;
  return file;
}

absl::Status TokenFile::Refresh(Time now, bool now_or_never) {
  std::optional<absl::StatusOr<WatchedFiles::Contents>> contents = file_.Poll(now, now_or_never);
  if (!contents) return absl::OkStatus();
  if (!contents->ok()) return contents->status();
  absl::StatusOr<std::string> token = ParseToken(path_, (**contents).front());
  if (!token.ok()) return token.status();
  std::string value = absl::StrCat("Bearer ", *token);
  if (token_ == nullptr || *token_ != value) token_ = std::make_shared<const std::string>(std::move(value));
  return absl::OkStatus();
}

void TokenFile::Tell(const absl::Status& problem) const {
  if (problem.ok() || !warn_) return;
  warn_(View(absl::string_view(absl::StrCat(problem.message(), "; the token read before stays in use"))));
}

TokenFile::Token TokenFile::Get(Time now) {
  absl::Status problem;
  Token token;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    problem = Refresh(now, /*now_or_never=*/false);
    token = token_;
  }
  Tell(problem);
  return token;
}

bool TokenFile::HasOtherThan(const Token& refused, Time now) {
  absl::Status problem;
  bool other;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (token_ == refused) problem = Refresh(now, /*now_or_never=*/true);
    other = token_ != refused;
  }
  Tell(problem);
  return other;
}

}  // namespace dispatchctl::internal
