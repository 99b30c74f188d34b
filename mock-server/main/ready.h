#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace dispatchctl::mock {

// {"event":"ready",...} with its line feed.
// `admin` and `metrics` are empty where there is no such service.
std::string ReadyLine(const std::vector<std::string>& addresses, const std::string& admin,
                      const std::string& metrics, std::uint64_t seed, std::int64_t pid);

// The file appears whole or not at all.
absl::Status WriteReadyFile(const std::string& path, std::string_view line);

}  // namespace dispatchctl::mock
