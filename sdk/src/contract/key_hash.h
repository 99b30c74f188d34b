#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace dispatchctl::internal {

// The same in every process, so that every client sends a key the same way.
inline std::uint64_t KeyHash(std::string_view key) {
  return XXH64(key.data(), key.size(), 0);
}

}  // namespace dispatchctl::internal
