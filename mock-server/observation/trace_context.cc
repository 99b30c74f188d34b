#include "mock-server/observation/trace_context.h"

#include <algorithm>
#include <cstddef>

namespace dispatchctl::mock {
namespace {

constexpr std::size_t kVersionSize = 2;
constexpr std::size_t kTraceIdSize = 32;
constexpr std::size_t kSpanIdSize = 16;
constexpr std::size_t kFlagsSize = 2;
constexpr std::size_t kTraceIdAt = kVersionSize + 1;
constexpr std::size_t kSpanIdAt = kTraceIdAt + kTraceIdSize + 1;
constexpr std::size_t kFlagsAt = kSpanIdAt + kSpanIdSize + 1;
constexpr std::size_t kSize = kFlagsAt + kFlagsSize;

// The standard allows lower case only.
bool IsHexadecimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view header) {
  if (header.size() < kSize) return std::nullopt;
  const std::string_view version = header.substr(0, kVersionSize);
  const std::string_view trace_id = header.substr(kTraceIdAt, kTraceIdSize);
  const std::string_view span_id = header.substr(kSpanIdAt, kSpanIdSize);
  const std::string_view flags = header.substr(kFlagsAt, kFlagsSize);
  if (header[kTraceIdAt - 1] != '-' || header[kSpanIdAt - 1] != '-' || header[kFlagsAt - 1] != '-')
    return std::nullopt;
  if (!IsHexadecimal(version) || !IsHexadecimal(trace_id) || !IsHexadecimal(span_id) || !IsHexadecimal(flags))
    return std::nullopt;
  // Later versions may have more behind the flags; ff is none.
  if (version == "ff" ||
      (version == "00" ? header.size() > kSize : header.size() > kSize && header[kSize] != '-'))
    return std::nullopt;
  if (IsZero(trace_id) || IsZero(span_id)) return std::nullopt;
  return TraceContext{trace_id, span_id};
}

}  // namespace dispatchctl::mock
