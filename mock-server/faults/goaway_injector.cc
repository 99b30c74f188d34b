#include "mock-server/faults/goaway_injector.h"

#include <algorithm>

namespace dispatchctl::mock {
namespace {

constexpr unsigned char kData = 0x0;
constexpr unsigned char kHeaders = 0x1;
constexpr unsigned char kResetStream = 0x3;
constexpr unsigned char kContinuation = 0x9;
constexpr unsigned char kEndStream = 0x1;
constexpr unsigned char kEndHeaders = 0x4;

constexpr std::string_view kGoaway(
    "\x00\x00\x08\x07\x00\x00\x00\x00\x00"
    "\x7f\xff\xff\xff\x00\x00\x00\x00",
    17);

std::uint32_t BigEndian(const unsigned char* bytes, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8U | bytes[i];
  return value;
}

}  // namespace

void GoawayInjector::Pass(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    if (header_size_ < kHeaderSize) {
      const std::size_t taken = std::min(kHeaderSize - header_size_, bytes.size());
      std::copy_n(bytes.begin(), taken, header_.begin() + static_cast<std::ptrdiff_t>(header_size_));
      header_size_ += taken;
      out += bytes.substr(0, taken);
      bytes.remove_prefix(taken);
      if (header_size_ == kHeaderSize) BeginFrame();
    } else {
      const std::string_view payload = bytes.substr(0, payload_left_);
      if (header_[3] == kData) CountMessages(payload);
      out += payload;
      payload_left_ -= static_cast<std::uint32_t>(payload.size());
      bytes.remove_prefix(payload.size());
    }
    if (header_size_ == kHeaderSize && payload_left_ == 0) {
      EndFrame();
      InjectIfDue(out);
    }
  }
}

void GoawayInjector::InjectIfDue(std::string& out) {
  const bool due = demanded_ || (after_ != 0 && messages_ >= after_);
  if (!due || injected_ || !began_ || header_size_ != 0 || in_header_block_) return;
  injected_ = true;
  out += kGoaway;
}

void GoawayInjector::BeginFrame() {
  payload_left_ = BigEndian(header_.data(), 3);
}

void GoawayInjector::EndFrame() {
  began_ = true;
  const unsigned char type = header_[3];
  const unsigned char flags = header_[4];
  const std::uint32_t stream = BigEndian(header_.data() + 5, 4);
  if (type == kHeaders || type == kContinuation) in_header_block_ = (flags & kEndHeaders) == 0;
  if (type == kResetStream || ((type == kData || type == kHeaders) && (flags & kEndStream) != 0))
    streams_.erase(stream);
  header_size_ = 0;
}

void GoawayInjector::CountMessages(std::string_view data) {
  Message& message = streams_[BigEndian(header_.data() + 5, 4)];
  while (!data.empty()) {
    if (message.left > 0) {
      const std::uint64_t taken = std::min<std::uint64_t>(message.left, data.size());
      message.left -= taken;
      data.remove_prefix(taken);
      if (message.left == 0) ++messages_;
      continue;
    }
    message.prefix[message.prefix_size++] = static_cast<unsigned char>(data.front());
    data.remove_prefix(1);
    if (message.prefix_size < message.prefix.size()) continue;
    message.prefix_size = 0;
    message.left = BigEndian(message.prefix.data() + 1, 4);
    if (message.left == 0) ++messages_;
  }
}

}  // namespace dispatchctl::mock
