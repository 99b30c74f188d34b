#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dispatchctl/connection_diagnosis.h"

namespace dispatchctl::internal {

// What a client says first: RFC 9113, section 3.4, with an empty SETTINGS frame.
inline constexpr std::string_view kHttp2Preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

// Reads what a server says first: a SETTINGS frame (RFC 9113, sections 3.4 and 6.5).
class Http2SettingsReader {
 public:
  enum class State { kNeedsMore, kDone, kNotHttp2 };

  // The bytes that come next; none may follow once it is not kNeedsMore.
  State Feed(std::string_view bytes);

  // Complete once kDone.
  const Http2Settings& settings() const { return settings_; }

  // All that has been fed.
  std::string_view bytes() const { return bytes_; }

 private:
  State ReadFrame();

  std::string bytes_;
  Http2Settings settings_;
};

}  // namespace dispatchctl::internal
