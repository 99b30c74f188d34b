#pragma once

namespace dispatchctl {

// How much slower than the release build a test's programs may be: for what depends on their speed, like the
// age at which a server sends connections away.
#if defined(__SANITIZE_THREAD__)
inline constexpr int kSlowdown = 25;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr int kSlowdown = 13;
#else
inline constexpr int kSlowdown = 1;
#endif

}  // namespace dispatchctl
