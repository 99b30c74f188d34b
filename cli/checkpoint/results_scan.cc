#include "checkpoint/results_scan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

namespace dispatchctl::cli {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{256} << 10U;

ErrorReport CannotReadResults(const std::string& name, int error_number) {
  return InputError(fmt::format("cannot read {}: {}", name, std::strerror(error_number)));
}

ErrorReport NotResults(const std::string& name, std::uint64_t line) {
  return InputError(
      fmt::format("{}:{}: not a result that assign has written as NDJSON", name, line),
      "--continue needs the file of an earlier run with --out; name another one for new results");
}

// Next without kIncomplete; sets error_number when reading fails.
LineReader::Result NextLine(LineReader& reader, int fd, Line& line, int& error_number) {
  for (;;) {
    const LineReader::Result result = reader.Next(line);
    if (result != LineReader::Result::kIncomplete) return result;
    error_number = reader.Fill(fd);
    if (error_number != 0) return LineReader::Result::kEnd;
  }
}

}  // namespace

std::optional<ErrorReport> ScanResults(int fd, const std::string& name,
                                       const std::function<void(const ResultLine&)>& on_line,
                                       ResultsScan& scan) {
  LineReader reader(kMaxResultLine, kChunkBytes);
  int error_number = 0;
  for (;;) {
    scan.bytes = reader.offset();
    Line line;
    const LineReader::Result result = NextLine(reader, fd, line, error_number);
    if (error_number != 0) return CannotReadResults(name, error_number);
    if (result == LineReader::Result::kEnd) return std::nullopt;
    const std::string_view text(line.data, line.size);
    const bool has_nul = text.find('\0') != std::string_view::npos;
    // Parsing overwrites it.
    const bool plausible = line.number != 1 || MayBeTornResult(text);
    ResultLine parsed;
    const LineKind kind = result == LineReader::Result::kLine ? ParseResultLine(line.data, line.size, parsed)
                                                              : LineKind::kBroken;
    if (kind == LineKind::kOther) return NotResults(name, line.number);
    if (kind == LineKind::kResult && line.terminated) {
      ++scan.lines;
      if (!parsed.failed && !parsed.accepted) ++scan.rejected;
      on_line(parsed);
      continue;
    }
    const std::uint64_t number = line.number;
    bool last = true;
    while (NextLine(reader, fd, line, error_number) != LineReader::Result::kEnd) last = false;
    if (error_number != 0) return CannotReadResults(name, error_number);
    if (!plausible || !(last || has_nul)) return NotResults(name, number);
    scan.torn_bytes = reader.offset() - scan.bytes;
    return std::nullopt;
  }
}

int CountLines(int fd, std::uint64_t& lines) {
  lines = 0;
  std::vector<char> chunk(kChunkBytes);
  for (;;) {
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count == 0) return 0;
    if (count > 0) {
      lines += static_cast<std::uint64_t>(std::count(chunk.begin(), chunk.begin() + count, '\n'));
    } else if (errno != EINTR) {
      return errno;
    }
  }
}

}  // namespace dispatchctl::cli
