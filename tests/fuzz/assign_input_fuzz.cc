// An input of assign as a whole, whose format is to be told from what it holds. The first byte is the longest
// line.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "fuzz_input.h"
#include "input/input_files.h"
#include "input/update_reader.h"

using dispatchctl::AssignmentUpdate;
using dispatchctl::cli::AssignOptions;
using dispatchctl::cli::InputFiles;
using dispatchctl::cli::InputFormat;
using dispatchctl::cli::UpdateReader;
using dispatchctl::fuzz::FuzzInput;
using dispatchctl::fuzz::Require;

namespace {

void ReadAll(const std::string& path, InputFormat format, std::size_t max_line, std::size_t lines) {
  AssignOptions options;
  options.input_format = format;
  options.max_line = max_line;
  InputFiles files(max_line);
  Require(!files.Open({path}).has_value(), "the file can be opened");
  UpdateReader reader(files, options);
  AssignmentUpdate update;
  std::uint64_t last_line = 0;
  for (;;) {
    const UpdateReader::Result result = reader.Next(update);
    if (result == UpdateReader::Result::kEnd) return;
    if (result == UpdateReader::Result::kIncomplete) {
      Require(!files.Fill().has_value(), "the file can be read");
      continue;
    }
    Require(reader.place().line > last_line && reader.place().line <= lines,
            "a record has a line of its own");
    last_line = reader.place().line;
    if (result == UpdateReader::Result::kUpdate) continue;
    Require(!reader.problem().empty(), "a refusal says why");
    if (result == UpdateReader::Result::kUnreadable) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::size_t max_line = 1 + input.Below(256);
  const std::string_view text = input.rest();
  static const int fd = ::memfd_create("input", MFD_CLOEXEC);
  Require(fd >= 0 && ::ftruncate(fd, 0) == 0 &&
              ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()),
          "a file can be written");
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const auto lines = 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  for (const InputFormat format : {InputFormat::kAuto, InputFormat::kNdjson, InputFormat::kCsv})
    ReadAll(path, format, max_line, lines);
  return 0;
}
