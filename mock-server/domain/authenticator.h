#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace dispatchctl::mock {

// What a caller may be allowed to do.
enum class Scope { kLookup, kAssign };

// Decides who may call what. Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // `authorization`: the value of that metadata, empty for none. UNAUTHENTICATED: nobody known says so;
  // PERMISSION_DENIED: somebody who may not.
  virtual absl::Status Authorize(std::string_view authorization, Scope scope) = 0;
};

}  // namespace dispatchctl::mock
