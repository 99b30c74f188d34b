#pragma once

#include <openssl/sha.h>

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mock-server/domain/authenticator.h"
#include "mock-server/storage/changing_files.h"

namespace dispatchctl::mock {

// Bearer tokens and what each is good for. Keeps their digests only.
class AcceptedTokens {
 public:
  // `TOKEN SCOPE[,SCOPE]...` a line, with the scopes `lookup` and `assign`; empty lines and those that begin
  // with '#' are skipped. INVALID_ARGUMENT: every bad line with its number, on a line of its own, without the
  // token. `name` is the file's, for messages.
  static absl::StatusOr<AcceptedTokens> Parse(std::string_view name, std::string_view text);

  // As Authenticator has it. Takes the same time for every token, known or not.
  absl::Status Authorize(std::string_view authorization, Scope scope) const;

 private:
  struct Entry {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
    unsigned scopes;
  };

  std::vector<Entry> entries_;
};

// The tokens in a file, as it is at the moment.
class TokenFile final : public Authenticator {
 public:
  // `complain` is told of replacements that cannot be used, while what was read before goes on counting; it
  // may be null.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(const std::string& path,
                                                         std::function<void(std::string_view)> complain);

  absl::Status Authorize(std::string_view authorization, Scope scope) override;

 private:
  TokenFile(const std::string& path, std::function<void(std::string_view)> complain)
      : path_(path), complain_(std::move(complain)), file_({path}) {}

  absl::Status Refresh();

  const std::string path_;
  const std::function<void(std::string_view)> complain_;
  std::mutex mutex_;  // guards both below
  ChangingFiles file_;
  AcceptedTokens tokens_;
};

}  // namespace dispatchctl::mock
