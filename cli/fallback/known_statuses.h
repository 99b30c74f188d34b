#pragma once

#include <absl/status/statusor.h>
#include <dispatchctl/courier_status.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dispatchctl::cli {

/// A courier's status, and when the server gave it: in wall-clock time, as it outlives the process.
struct KnownStatus {
  CourierStatus status;
  std::chrono::system_clock::time_point at;
};

/// By courier id.
using KnownStatuses = std::unordered_map<std::string, KnownStatus>;

/// Longest line of the text; a status that takes more is left out of it.
inline constexpr std::size_t kMostStatusLineBytes = 4096;

/// As text: a line that names the service, then a JSON object a line.
std::string EncodeStatuses(std::string_view service, const KnownStatuses& statuses);

/// Reads such a text. Errors: DATA_LOSS naming the line; FAILED_PRECONDITION when it is another service's, or
/// of another version.
absl::StatusOr<KnownStatuses> DecodeStatuses(std::string_view service, std::string_view text);

/// Leaves the `most` that are newest.
void KeepNewest(KnownStatuses& statuses, std::size_t most);

}  // namespace dispatchctl::cli
