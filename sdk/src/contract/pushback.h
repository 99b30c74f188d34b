#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace dispatchctl::internal {

// What a server says about the next attempt in `grpc-retry-pushback-ms`.
struct Pushback {
  std::optional<std::chrono::milliseconds> delay;  // unset: there must be none

  bool Forbids() const { return !delay || *delay < std::chrono::milliseconds::zero(); }
};

// `header_value`: unset where the server sent none. What is not a number of milliseconds, zero or more,
// forbids the retry (gRFC A6). Of several values a caller makes one that forbids it.
std::optional<Pushback> ParsePushback(std::optional<std::string_view> header_value);

}  // namespace dispatchctl::internal
