#include "mock-server/storage/read_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>

namespace dispatchctl::mock {

// Not a file stream: those do not say why they failed.
absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const auto failure = [&path] {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, std::generic_category().message(errno)));
  };
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failure();
  absl::StatusOr<std::string> text = std::string();
  std::array<char, std::size_t{1} << 14U> buffer{};
  for (;;) {
    const ssize_t size = read(descriptor, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) text = failure();
    if (size <= 0) break;
    text->append(buffer.data(), static_cast<std::size_t>(size));
  }
  close(descriptor);
  return text;
}

}  // namespace dispatchctl::mock
