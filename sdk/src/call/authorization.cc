#include "call/authorization.h"

#include <absl/strings/str_cat.h>

#include "contract/text.h"

namespace dispatchctl::internal {

absl::StatusOr<TokenFile::Token> TokenFor(TokenFile* file, const Metadata& metadata, const Channel& channel,
                                          std::string_view endpoint, TokenFile::Time now) {
  if (file == nullptr || HasAuthorization(metadata)) return TokenFile::Token();
  if (!channel.confidential()) {
    return absl::FailedPreconditionError(
        absl::StrCat("token_file: the token in ", Quoted(file->path()), " is not sent to ", View(endpoint),
                     " in plaintext, where anyone on the way could read it: use TLS"));
  }
  return file->Get(now);
}

bool MayTryOtherToken(const AttemptEnd& end, TokenFile* file, const TokenFile::Token& used,
                      TokenFile::Time now) {
  return end.status.code() == absl::StatusCode::kUnauthenticated && end.origin == Origin::kServer &&
         used != nullptr && file->HasOtherThan(used, now);
}

}  // namespace dispatchctl::internal
