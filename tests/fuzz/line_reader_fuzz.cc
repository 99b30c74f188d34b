// The reader of lines: what it gives does not depend on how the input comes in pieces, and is what a plain
// splitter gives. The first byte says the framing, the second the longest line, the third the size of the
// pieces.

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "fuzz_input.h"
#include "input/line_reader.h"

using dispatchctl::cli::Framing;
using dispatchctl::cli::Line;
using dispatchctl::cli::LineReader;
using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;

namespace {

struct Given {
  LineReader::Result result;
  std::uint64_t number;
  std::string text;
  bool terminated;

  friend bool operator==(const Given&, const Given&) = default;
};

std::vector<Given> ReadAll(int fd, Framing framing, std::size_t max_line, std::size_t chunk) {
  Require(::lseek(fd, 0, SEEK_SET) == 0, "the file can be read again");
  LineReader reader(max_line, chunk);
  reader.SetFraming(framing);
  std::vector<Given> all;
  std::uint64_t offset = 0;
  for (;;) {
    const bool has_line = reader.HasLine();
    Line line;
    const LineReader::Result result = reader.Next(line);
    Require(!has_line || result != LineReader::Result::kIncomplete, "a line that was announced is there");
    Require(reader.offset() >= offset, "the reader goes forward");
    offset = reader.offset();
    if (result == LineReader::Result::kEnd) return all;
    if (result == LineReader::Result::kIncomplete) {
      Require(reader.Fill(fd) == 0, "a file can be read");
      continue;
    }
    Require(all.empty() || line.number > all.back().number, "numbers go up");
    if (result != LineReader::Result::kLine) {
      all.push_back({result, line.number, {}, false});
      continue;
    }
    all.push_back({result, line.number, std::string(line.data, line.size), line.terminated});
    Require(line.size <= max_line, "no line is longer than the limit");
    line.data[line.size] = '\0';  // as parsers in place do
  }
}

// Lines as such, without CSV's quotes.
std::vector<Given> Split(std::string_view text, std::size_t max_line) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::vector<Given> all;
  for (std::uint64_t number = 1; !text.empty(); ++number) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    if (number == 1 && line.substr(0, kByteOrderMark.size()) == kByteOrderMark)
      line.remove_prefix(kByteOrderMark.size());
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.size() > max_line) {
      all.push_back({LineReader::Result::kTooLong, number, {}, false});
    } else {
      all.push_back(
          {LineReader::Result::kLine, number, std::string(line), newline != std::string_view::npos});
    }
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const Framing framing = input.Below(2) == 0 ? Framing::kLines : Framing::kCsv;
  const std::size_t max_line = input.Below(64);
  const std::size_t chunk = 2 + input.Below(64);
  const std::string_view text = input.rest();

  static const int fd = ::memfd_create("input", MFD_CLOEXEC);
  Require(fd >= 0 && ::ftruncate(fd, 0) == 0 &&
              ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()),
          "a file can be written");
  const std::vector<Given> at_once = ReadAll(fd, framing, max_line, LineReader::kDefaultChunkBytes);
  Require(ReadAll(fd, framing, max_line, chunk) == at_once, "lines do not depend on the pieces they come in");
  if (framing == Framing::kLines) Require(at_once == Split(text, max_line), "lines are what newlines part");
  return 0;
}
