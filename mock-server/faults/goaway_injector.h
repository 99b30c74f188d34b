#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dispatchctl::mock {

// Follows what an HTTP/2 server sends on one connection, in the clear, and puts a GOAWAY between two frames
// once so many gRPC messages have gone by or it was demanded: NO_ERROR, with the highest stream there is, as
// a server announces a graceful shutdown (RFC 9113, 6.8). What is open goes on; the client begins nothing new
// and closes when all has ended.
class GoawayInjector {
 public:
  // 0: no GOAWAY.
  void set_after(std::uint64_t messages) { after_ = messages; }

  // A GOAWAY is due now, whatever went by.
  void Demand() { demanded_ = true; }

  // Appends the bytes to `out`, with the GOAWAY where it belongs.
  void Pass(std::string_view bytes, std::string& out);

  // The GOAWAY, if it is due and nothing that has begun is in its way.
  void InjectIfDue(std::string& out);

 private:
  static constexpr std::size_t kHeaderSize = 9;

  // What is known of a stream's next gRPC message: its five-byte prefix and how much of it is still to come.
  struct Message {
    std::array<unsigned char, 5> prefix{};
    std::size_t prefix_size = 0;
    std::uint64_t left = 0;
  };

  void BeginFrame();
  void EndFrame();
  void CountMessages(std::string_view data);

  std::uint64_t after_ = 0;
  std::uint64_t messages_ = 0;
  bool demanded_ = false;
  bool injected_ = false;
  // A server's first frame has to be its SETTINGS.
  bool began_ = false;
  std::array<unsigned char, kHeaderSize> header_{};
  std::size_t header_size_ = 0;
  std::uint32_t payload_left_ = 0;
  // Between HEADERS and the last CONTINUATION no other frame may stand.
  bool in_header_block_ = false;
  std::unordered_map<std::uint32_t, Message> streams_;
};

}  // namespace dispatchctl::mock
