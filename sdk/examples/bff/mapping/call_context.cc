#include "mapping/call_context.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace bff {
namespace {

// The standard asks for at least 512 to be passed on; a server may refuse headers of a few times that.
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

absl::StatusOr<CallContext> ReadCallContext(const CallHeaders& headers, const TimeoutLimits& limits) {
  CallContext context;
  if (limits.standard) context.timeout = std::min(*limits.standard, limits.longest);
  if (!headers.grpc_timeout.empty()) {
    const absl::StatusOr<std::chrono::nanoseconds> asked = ParseGrpcTimeout(headers.grpc_timeout);
    if (!asked.ok()) return asked.status();
    context.timeout = std::min(*asked, limits.longest);
  }
  dispatchctl::TraceContext trace{std::string(headers.traceparent), std::string(headers.tracestate)};
  const bool too_long = trace.tracestate.size() > kLongestTracestate;
  if (too_long || !dispatchctl::ValidateTraceContext(trace).ok()) trace.tracestate.clear();
  if (!trace.traceparent.empty() && dispatchctl::ValidateTraceContext(trace).ok()) {
    context.trace = std::move(trace);
  }
  return context;
}

}  // namespace bff
