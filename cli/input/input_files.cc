#include "input/input_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dispatchctl::cli {
namespace {

ErrorReport CannotRead(const std::string& name, int error_number) {
  return InputError(fmt::format("cannot read {}: {}", name, std::strerror(error_number)));
}

}  // namespace

std::optional<ErrorReport> InputFiles::Open(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (path == "-") {
      // A copy, so that closing it at its end leaves the number 0 taken.
      UniqueFd copy(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
      if (!copy.valid()) return CannotRead("stdin", errno);
      std::optional<std::uint64_t> size;
      struct stat info {};
      if (::fstat(copy.get(), &info) == 0 && S_ISREG(info.st_mode)) {
        const off_t begin = ::lseek(copy.get(), 0, SEEK_CUR);
        size = static_cast<std::uint64_t>(std::max<off_t>(info.st_size - begin, 0));
      }
      inputs_.push_back({.name = "stdin", .fd = std::move(copy), .size = size});
      continue;
    }
    // Without O_NONBLOCK, opening a FIFO would wait for its writer, deaf to signals.
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file.valid()) return CannotRead(path, errno);
    struct stat info {};
    if (::fstat(file.get(), &info) == 0 && S_ISDIR(info.st_mode)) return CannotRead(path, EISDIR);
    std::optional<std::uint64_t> size;
    if (S_ISREG(info.st_mode)) size = static_cast<std::uint64_t>(info.st_size);
    inputs_.push_back({.name = path, .fd = std::move(file), .size = size});
  }
  return std::nullopt;
}

std::optional<ErrorReport> InputFiles::Fill() {
  if (AtEnd()) return std::nullopt;
  const int error_number = reader_.Fill(fd());
  if (error_number == 0) return std::nullopt;
  return CannotRead(inputs_[current_].name, error_number);
}

LineReader::Result InputFiles::Next(Line& line) {
  if (AtEnd()) return LineReader::Result::kEnd;
  const LineReader::Result result = reader_.Next(line);
  if (result != LineReader::Result::kEnd) return result;
  inputs_[current_].fd = UniqueFd();
  bytes_before_ += reader_.offset();
  ++current_;
  reader_.Reset();
  return AtEnd() ? LineReader::Result::kEnd : LineReader::Result::kIncomplete;
}

std::optional<double> InputFiles::Progress() const {
  std::uint64_t total = 0;
  for (const Input& input : inputs_) {
    if (!input.size.has_value()) return std::nullopt;
    total += *input.size;
  }
  const std::uint64_t used = bytes_before_ + (AtEnd() ? 0 : reader_.offset());
  if (total == 0) return std::nullopt;
  return std::min(1.0, static_cast<double>(used) / static_cast<double>(total));
}

std::string InputFiles::Describe(LinePlace place) const {
  return fmt::format("{}:{}", inputs_[place.input].name, place.line);
}

bool IsBlank(const Line& line) {
  return std::all_of(line.data, line.data + line.size, [](char c) { return c == ' ' || c == '\t'; });
}

}  // namespace dispatchctl::cli
