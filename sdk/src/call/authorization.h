#pragma once

#include <absl/status/statusor.h>

#include <chrono>
#include <string_view>

#include "call/effective_options.h"
#include "transport/channel.h"
#include "transport/token_file.h"

namespace dispatchctl::internal {

// The token that an attempt over `channel` carries; null: none, since there is no `file` or the call has an
// authorization of its own. Errors: FAILED_PRECONDITION where others could read it.
absl::StatusOr<TokenFile::Token> TokenFor(TokenFile* file, const Metadata& metadata, const Channel& channel,
                                          std::string_view endpoint, TokenFile::Time now);

// True when the server has refused `used`, and there is another one by now.
bool MayTryOtherToken(const AttemptEnd& end, TokenFile* file, const TokenFile::Token& used,
                      TokenFile::Time now);

}  // namespace dispatchctl::internal
