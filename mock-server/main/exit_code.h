#pragma once

namespace dispatchctl::mock {

// How dispatch-mock ends, beside 0 and a signal's 128 + n; dispatchctl's means the same.
inline constexpr int kRuntimeError = 1;
inline constexpr int kUsageError = 2;
inline constexpr int kFileError = 3;
inline constexpr int kNeverConnected = 5;
inline constexpr int kNegative = 7;
inline constexpr int kFirstRpcError = 64;  // 64 + the code

}  // namespace dispatchctl::mock
