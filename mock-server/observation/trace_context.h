#pragma once

#include <optional>
#include <string_view>

namespace dispatchctl::mock {

// Which trace a call belongs to, and which of its spans made the call. Views of the header.
struct TraceContext {
  std::string_view trace_id;  // 32 hexadecimal digits
  std::string_view span_id;   // 16 hexadecimal digits
};

// Reads W3C Trace Context's `traceparent`, VERSION-TRACE_ID-PARENT_ID-FLAGS, of version 00 or a later one.
// Nothing if it is not one: such a header is to be ignored.
std::optional<TraceContext> ParseTraceparent(std::string_view header);

}  // namespace dispatchctl::mock
