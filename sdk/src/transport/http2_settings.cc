#include "transport/http2_settings.h"

#include <cstdint>

namespace dispatchctl::internal {
namespace {

constexpr std::size_t kFrameHeader = 9;
constexpr std::size_t kSetting = 6;
constexpr std::uint8_t kSettingsFrame = 4;
constexpr std::uint8_t kAck = 1;
// No larger frame may come before the client has allowed it (RFC 9113, section 4.2).
constexpr std::uint32_t kLargestFrame = 16'384;

std::uint32_t Number(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes) number = number << 8U | static_cast<std::uint8_t>(byte);
  return number;
}

void Apply(std::uint32_t identifier, std::uint32_t value, Http2Settings& settings) {
  switch (identifier) {
    case 3:
      settings.max_concurrent_streams = value;
      break;
    case 4:
      settings.initial_window_size = value;
      break;
    case 5:
      settings.max_frame_size = value;
      break;
    case 6:
      settings.max_header_list_size = value;
      break;
    default:
      break;
  }
}

}  // namespace

Http2SettingsReader::State Http2SettingsReader::Feed(std::string_view bytes) {
  bytes_ += bytes;
  return bytes_.size() < kFrameHeader ? State::kNeedsMore : ReadFrame();
}

Http2SettingsReader::State Http2SettingsReader::ReadFrame() {
  const std::string_view bytes = bytes_;
  const std::uint32_t size = Number(bytes.substr(0, 3));
  const auto type = static_cast<std::uint8_t>(bytes[3]);
  const auto flags = static_cast<std::uint8_t>(bytes[4]);
  const std::uint32_t stream = Number(bytes.substr(5, 4));
  if (type != kSettingsFrame || (flags & kAck) != 0 || stream != 0 || size % kSetting != 0 ||
      size > kLargestFrame) {
    return State::kNotHttp2;
  }
  if (bytes.size() < kFrameHeader + size) return State::kNeedsMore;
  for (std::string_view rest = bytes.substr(kFrameHeader, size); !rest.empty();
       rest.remove_prefix(kSetting)) {
    Apply(Number(rest.substr(0, 2)), Number(rest.substr(2, 4)), settings_);
  }
  return State::kDone;
}

}  // namespace dispatchctl::internal
