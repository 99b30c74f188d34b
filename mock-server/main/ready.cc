#include "mock-server/main/ready.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

namespace dispatchctl::mock {

std::string ReadyLine(const std::vector<std::string>& addresses, const std::string& admin,
                      const std::string& metrics, std::uint64_t seed, std::int64_t pid) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  nlohmann::ordered_json line;
  line["event"] = "ready";
  line["listen"] = addresses;
  line["admin"] = or_null(admin);
  line["metrics"] = or_null(metrics);
  line["pid"] = pid;
  line["seed"] = seed;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

absl::Status WriteReadyFile(const std::string& path, std::string_view line) {
  const std::string temporary = fmt::format("{}.{}", path, getpid());
  std::ofstream file(temporary, std::ios::trunc);
  file << line;
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    return absl::InternalError(
        fmt::format("cannot write {}: {}", path, std::generic_category().message(error)));
  }
  return absl::OkStatus();
}

}  // namespace dispatchctl::mock
