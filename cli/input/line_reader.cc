#include "input/line_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

LineReader::LineReader(std::size_t max_line_bytes, std::size_t chunk_bytes)
    : max_line_bytes_(max_line_bytes), chunk_bytes_(chunk_bytes), buffer_(chunk_bytes + 1) {}

void LineReader::Reset() {
  begin_ = end_ = scanned_ = 0;
  number_ = 0;
  skipping_ = at_end_ = false;
}

void LineReader::MakeRoom() {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
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
  return 0;
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
        begin_ = scanned_ = end + 1;
        continue;
      }
      return FinishLine(end, end + 1, line);
    }
    scanned_ = end_;
    if (skipping_) begin_ = end_;
    if (at_end_) {
      if (begin_ == end_) return Result::kEnd;
      return FinishLine(end_, end_, line);
    }
    if (end_ - begin_ > max_line_bytes_ + kByteOrderMark.size() + 1) {
      skipping_ = true;
      begin_ = end_;
      line = {.number = ++number_};
      return Result::kTooLong;
    }
    return Result::kIncomplete;
  }
}

LineReader::Result LineReader::FinishLine(std::size_t end, std::size_t next_begin, Line& line) {
  char* data = buffer_.data() + begin_;
  std::size_t size = end - begin_;
  begin_ = scanned_ = next_begin;
  ++number_;
  if (number_ == 1 && std::string_view(data, size).substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    data += kByteOrderMark.size();
    size -= kByteOrderMark.size();
  }
  if (size != 0 && data[size - 1] == '\r') --size;
  line = {.data = data, .size = size, .number = number_};
  return size > max_line_bytes_ ? Result::kTooLong : Result::kLine;
}

bool LineReader::HasLine() const {
  if (std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_) != nullptr) return true;
  return at_end_ && begin_ != end_ && !skipping_;
}

}  // namespace dispatchctl::cli
