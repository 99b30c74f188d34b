#pragma once

#include <string>
#include <string_view>

namespace dispatchctl::mock {

// The value of a metadata key as it may be kept and shown: of what may be a secret (authorization, cookies
// and keys that name a token, password, secret, credential or API key) nothing but that it was there, and of
// binary values (keys that end in -bin) the size. Control characters of any other value become '?'.
std::string RedactedMetadata(std::string_view key, std::string_view value);

}  // namespace dispatchctl::mock
