#include "input/line_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "input/csv_quoting.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
// Bytes of a line that do not count against the limit, at the most: the mark and a carriage return.
constexpr std::size_t kUncounted = kByteOrderMark.size() + 1;

}  // namespace

LineReader::LineReader(std::size_t max_line_bytes, std::size_t chunk_bytes)
    : max_line_bytes_(max_line_bytes), chunk_bytes_(chunk_bytes), buffer_(chunk_bytes + 1) {}

void LineReader::Reset() {
  end_ = 0;
  StartLineAt(0);
  number_ = read_ = 0;
  framing_ = Framing::kLines;
  skipping_ = at_end_ = false;
}

void LineReader::StartLineAt(std::size_t begin) {
  begin_ = scanned_ = last_begin_ = begin;
  inside_quotes_ = false;
  lines_in_record_ = 0;
}

void LineReader::MakeRoom() {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    last_begin_ -= begin_;
    if (lines_in_record_ != 0) second_begin_ -= begin_;
    begin_ = 0;
  }
  // The part of a line that is kept never exceeds the limit by more than its line end and mark, see Next.
  if (buffer_.size() - 1 - end_ < chunk_bytes_ / 2) buffer_.resize(end_ + chunk_bytes_ + 1);
}

int LineReader::Fill(int fd) {
  MakeRoom();
  const ssize_t count = ::read(fd, buffer_.data() + end_, buffer_.size() - 1 - end_);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? 0 : errno;
  if (count == 0) at_end_ = true;
  end_ += static_cast<std::size_t>(count);
  read_ += static_cast<std::uint64_t>(count);
  return 0;
}

bool LineReader::GoesOn(std::size_t line_begin, std::size_t end, bool inside_quotes) const {
  if (framing_ == Framing::kLines) return false;
  std::string_view text(buffer_.data() + line_begin, end - line_begin);
  if (number_ == 0 && line_begin == begin_ && text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  return EndsInsideQuotes(text, inside_quotes);
}

LineReader::Result LineReader::Next(Line& line) {
  for (;;) {
    const char* const newline =
        scanned_ == end_
            ? nullptr
            : static_cast<const char*>(std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_));
    if (newline != nullptr) {
      const auto end = static_cast<std::size_t>(newline - buffer_.data());
      if (skipping_) {
        skipping_ = false;
        StartLineAt(end + 1);
        continue;
      }
      const bool too_long = lines_in_record_ == 0 && end - begin_ > max_line_bytes_ + kUncounted;
      if (too_long || !GoesOn(last_begin_, end, inside_quotes_)) return FinishLine(end, true, line);
      inside_quotes_ = true;
      scanned_ = last_begin_ = end + 1;
      if (++lines_in_record_ == 1) second_begin_ = end + 1;
      if (scanned_ - begin_ > max_line_bytes_) return GiveUpQuote(line);
      continue;
    }
    scanned_ = end_;
    if (skipping_) StartLineAt(end_);
    if (at_end_) {
      if (begin_ == end_) return Result::kEnd;
      if (GoesOn(last_begin_, end_, inside_quotes_)) return GiveUpQuote(line);
      return FinishLine(end_, false, line);
    }
    if (end_ - begin_ > max_line_bytes_ + kUncounted) {
      if (lines_in_record_ != 0) return GiveUpQuote(line);
      skipping_ = true;
      StartLineAt(end_);
      line = {.number = ++number_};
      return Result::kTooLong;
    }
    return Result::kIncomplete;
  }
}

LineReader::Result LineReader::FinishLine(std::size_t end, bool terminated, Line& line) {
  char* data = buffer_.data() + begin_;
  std::size_t size = end - begin_;
  const std::uint64_t number = number_ + 1;
  if (number == 1 && std::string_view(data, size).substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    data += kByteOrderMark.size();
    size -= kByteOrderMark.size();
  }
  if (size != 0 && data[size - 1] == '\r') --size;
  // As it would be, had its end come too late to be seen here.
  if (size > max_line_bytes_ && lines_in_record_ != 0) return GiveUpQuote(line);
  number_ += lines_in_record_ + 1;
  StartLineAt(end + (terminated ? 1 : 0));
  line = {.data = data, .size = size, .number = number, .terminated = terminated};
  return size > max_line_bytes_ ? Result::kTooLong : Result::kLine;
}

// Only the line with the quote is lost: those after it are read again, each for itself.
LineReader::Result LineReader::GiveUpQuote(Line& line) {
  line = {.number = ++number_};
  StartLineAt(lines_in_record_ != 0 ? second_begin_ : end_);
  return Result::kOpenQuote;
}

bool LineReader::HasLine() const {
  bool inside = inside_quotes_;
  bool skipping = skipping_;
  bool left = begin_ != end_;
  std::size_t begin = last_begin_;
  for (std::size_t from = scanned_;;) {
    const void* const newline = std::memchr(buffer_.data() + from, '\n', end_ - from);
    if (newline == nullptr) break;
    const auto end = static_cast<std::size_t>(static_cast<const char*>(newline) - buffer_.data());
    const std::size_t line_begin = std::exchange(begin, end + 1);
    from = begin;
    // The end of what is passed over is none of a line.
    if (std::exchange(skipping, false)) {
      left = begin != end_;
      continue;
    }
    if (!GoesOn(line_begin, end, inside)) return true;
    inside = true;
  }
  return at_end_ && left && !skipping;
}

}  // namespace dispatchctl::cli
