#include "transport/http2_settings.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace dispatchctl::internal {
namespace {

using State = Http2SettingsReader::State;

void AppendNumber(std::string& out, std::uint32_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i) & 0xFFU);
}

std::string Frame(std::uint32_t size, std::uint8_t type, std::uint8_t flags, std::uint32_t stream) {
  std::string frame;
  AppendNumber(frame, size, 3);
  AppendNumber(frame, type, 1);
  AppendNumber(frame, flags, 1);
  AppendNumber(frame, stream, 4);
  return frame;
}

std::string Settings(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& settings) {
  std::string frame = Frame(static_cast<std::uint32_t>(settings.size() * 6), 4, 0, 0);
  for (const auto& [identifier, value] : settings) {
    AppendNumber(frame, identifier, 2);
    AppendNumber(frame, value, 4);
  }
  return frame;
}

TEST(Http2Settings, AreReadWhateverPiecesTheyComeIn) {
  const std::string frame = Settings({{3, 100}, {4, 1'048'576}, {5, 32'768}, {6, 16'384}, {0xFE03, 1}});
  for (std::size_t piece = 1; piece <= frame.size(); ++piece) {
    Http2SettingsReader reader;
    State state = State::kNeedsMore;
    for (std::size_t at = 0; at < frame.size(); at += piece) {
      ASSERT_EQ(state, State::kNeedsMore) << piece;
      state = reader.Feed(std::string_view(frame).substr(at, piece));
    }
    ASSERT_EQ(state, State::kDone) << piece;
    EXPECT_EQ(reader.settings().max_concurrent_streams, 100U);
    EXPECT_EQ(reader.settings().initial_window_size, 1'048'576U);
    EXPECT_EQ(reader.settings().max_frame_size, 32'768U);
    EXPECT_EQ(reader.settings().max_header_list_size, 16'384U);
  }
}

TEST(Http2Settings, LeftOutHaveTheProtocolsOwnValues) {
  Http2SettingsReader reader;
  ASSERT_EQ(reader.Feed(Settings({})), State::kDone);
  EXPECT_FALSE(reader.settings().max_concurrent_streams.has_value());
  EXPECT_EQ(reader.settings().initial_window_size, 65'535U);
  EXPECT_EQ(reader.settings().max_frame_size, 16'384U);
  EXPECT_FALSE(reader.settings().max_header_list_size.has_value());
}

TEST(Http2Settings, MayBeFollowedByOtherFrames) {
  Http2SettingsReader reader;
  EXPECT_EQ(reader.Feed(Settings({{3, 7}}) + Frame(4, 8, 0, 0) + "\1\1\1\1"), State::kDone);
  EXPECT_EQ(reader.settings().max_concurrent_streams, 7U);
}

TEST(Http2Settings, AreNotWhatAnotherProtocolSays) {
  for (const std::string& answer :
       {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string("\x15\x03\x01\0\2\2\x46zz", 9),
        std::string("SSH-2.0-OpenSSH_9.2"), Frame(6, 4, 0, 1) + "123456", Frame(0, 4, 1, 0),
        Frame(5, 4, 0, 0) + "12345", Frame(18'000, 4, 0, 0), Frame(8, 7, 0, 0)}) {
    Http2SettingsReader reader;
    EXPECT_EQ(reader.Feed(answer), State::kNotHttp2) << answer;
  }
}

TEST(Http2Settings, OfFewerBytesThanAFrameHasAreNotJudged) {
  Http2SettingsReader reader;
  EXPECT_EQ(reader.Feed("HTTP/1."), State::kNeedsMore);
  EXPECT_EQ(reader.Feed("1 4"), State::kNotHttp2);
  EXPECT_EQ(reader.bytes(), "HTTP/1.1 4");
}

}  // namespace
}  // namespace dispatchctl::internal
