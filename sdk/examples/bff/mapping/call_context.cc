#include "mapping/call_context.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace bff {
namespace {

// The standard asks for at least 512 to be passed on.
constexpr std::size_t kLongestTracestate = 512;

std::optional<std::chrono::nanoseconds> UnitOf(char letter) {
  switch (letter) {
    case 'H':
      return std::chrono::hours(1);
    case 'M':
      return std::chrono::minutes(1);
    case 'S':
      return std::chrono::seconds(1);
    case 'm':
      return std::chrono::milliseconds(1);
    case 'u':
      return std::chrono::microseconds(1);
    case 'n':
      return std::chrono::nanoseconds(1);
    default:
      return std::nullopt;
  }
}

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view hex) {
  return hex.find_first_not_of('0') == std::string_view::npos;
}

bool IsTracestate(std::string_view text) {
  return !text.empty() && text.size() <= kLongestTracestate &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

absl::StatusOr<std::chrono::nanoseconds> ParseGrpcTimeout(std::string_view text) {
  constexpr std::size_t kMostDigits = 8;
  std::int64_t count = 0;
  if (text.size() >= 2 && text.size() <= kMostDigits + 1) {
    const char* const end = text.data() + text.size() - 1;
    const auto [parsed_to, error] = std::from_chars(text.data(), end, count);
    const std::optional<std::chrono::nanoseconds> unit = UnitOf(text.back());
    if (error == std::errc() && parsed_to == end && count > 0 && unit) {
      // Eight digits of hours are more nanoseconds than there are.
      return count > std::chrono::nanoseconds::max() / *unit ? std::chrono::nanoseconds::max()
                                                             : count * *unit;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("Grpc-Timeout is not 1 to 8 digits, more than zero, and one of H, M, S, m (milliseconds), "
                   "u, n; for example 250m"));
}

bool IsTraceparent(std::string_view text) {
  constexpr std::size_t kTraceId = 3;
  constexpr std::size_t kParentId = 36;
  constexpr std::size_t kFlags = 53;
  constexpr std::size_t kSize = 55;
  if (text.size() < kSize) return false;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace_id = text.substr(kTraceId, 32);
  const std::string_view parent_id = text.substr(kParentId, 16);
  if (text[2] != '-' || text[kParentId - 1] != '-' || text[kFlags - 1] != '-') return false;
  if (!IsLowerHex(version) || !IsLowerHex(trace_id) || !IsLowerHex(parent_id) ||
      !IsLowerHex(text.substr(kFlags, 2))) {
    return false;
  }
  if (version == "ff" || IsZero(trace_id) || IsZero(parent_id)) return false;
  return text.size() == kSize || (version != "00" && text[kSize] == '-');
}

absl::StatusOr<CallContext> ReadCallContext(const CallHeaders& headers, const TimeoutLimits& limits) {
  CallContext context;
  if (limits.standard) context.timeout = std::min(*limits.standard, limits.longest);
  if (!headers.grpc_timeout.empty()) {
    const absl::StatusOr<std::chrono::nanoseconds> asked = ParseGrpcTimeout(headers.grpc_timeout);
    if (!asked.ok()) return asked.status();
    context.timeout = std::min(*asked, limits.longest);
  }
  if (IsTraceparent(headers.traceparent)) {
    // What later versions append may be anything; gRPC ends the process over what is not printable.
    if (auto entry = dispatchctl::NormalizeMetadataEntry("traceparent", headers.traceparent); entry.ok()) {
      context.metadata.push_back(*std::move(entry));
      if (IsTracestate(headers.tracestate))
        context.metadata.emplace_back("tracestate", std::string(headers.tracestate));
    }
  }
  return context;
}

}  // namespace bff
