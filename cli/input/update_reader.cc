#include "input/update_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace dispatchctl::cli {
namespace {

bool HasSuffix(std::string_view name, std::string_view suffix) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return name.size() > suffix.size() &&
         std::equal(suffix.begin(), suffix.end(), name.end() - static_cast<std::ptrdiff_t>(suffix.size()),
                    [&lower](char a, char b) { return a == lower(b); });
}

InputFormat FormatOfName(std::string_view name) {
  if (HasSuffix(name, ".csv")) return InputFormat::kCsv;
  for (const std::string_view suffix : {".ndjson", ".jsonl", ".json"}) {
    if (HasSuffix(name, suffix)) return InputFormat::kNdjson;
  }
  return InputFormat::kAuto;
}

}  // namespace

void UpdateReader::Prepare() {
  if (files_.AtEnd() || prepared_ == files_.current()) return;
  prepared_ = files_.current();
  header_read_ = false;
  format_ = requested_ == InputFormat::kAuto ? FormatOfName(files_.Name(*prepared_)) : requested_;
  if (format_ == InputFormat::kCsv) files_.SetFraming(Framing::kCsv);
}

UpdateReader::Result UpdateReader::Next(AssignmentUpdate& update) {
  for (;;) {
    Prepare();
    Line line;
    const LineReader::Result result = files_.Next(line);
    if (result == LineReader::Result::kIncomplete) return Result::kIncomplete;
    if (result == LineReader::Result::kEnd) return Result::kEnd;
    place_ = {.input = files_.current(), .line = line.number};
    switch (result) {
      case LineReader::Result::kTooLong:
        return Bad(fmt::format("longer than {} bytes (--max-line)", max_line_));
      case LineReader::Result::kOpenQuote:
        return Bad(fmt::format("a quote in it is not closed within {} bytes (--max-line), nor before the end",
                               max_line_));
      case LineReader::Result::kLine:
      case LineReader::Result::kIncomplete:
      case LineReader::Result::kEnd:
        break;
    }
    if (!IsBlank(line)) {
      const Result taken = TakeLine(line, update);
      if (taken != Result::kIncomplete) return taken;
    }
  }
}

// kIncomplete: it was a header.
UpdateReader::Result UpdateReader::TakeLine(const Line& line, AssignmentUpdate& update) {
  const std::string_view text(line.data, line.size);
  if (format_ == InputFormat::kAuto) {
    format_ = text.front() != '{' && csv_.LooksLikeHeader(text) ? InputFormat::kCsv : InputFormat::kNdjson;
    if (format_ == InputFormat::kCsv) files_.SetFraming(Framing::kCsv);
  }
  if (format_ == InputFormat::kNdjson) {
    if (ndjson_.Parse(line.data, line.size, update)) return Result::kUpdate;
    return Bad(ndjson_.error());
  }
  if (std::exchange(header_read_, true)) {
    if (csv_.Parse(text, update)) return Result::kUpdate;
    return Bad(csv_.error());
  }
  if (csv_.ReadHeader(text)) return Result::kIncomplete;
  problem_ = csv_.error();
  return Result::kUnreadable;
}

UpdateReader::Result UpdateReader::Bad(std::string problem) {
  problem_ = std::move(problem);
  // Without a header, the records after it mean nothing.
  return format_ == InputFormat::kCsv && !header_read_ ? Result::kUnreadable : Result::kBadRecord;
}

}  // namespace dispatchctl::cli
