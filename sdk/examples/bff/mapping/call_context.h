#pragma once

#include <absl/status/statusor.h>
#include <dispatchctl/trace_context.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace bff {

/// The headers of an HTTP request that its gRPC calls take over. Empty: the request has none.
struct CallHeaders {
  std::string_view grpc_timeout = {};
  std::string_view traceparent = {};
  std::string_view tracestate = {};  ///< of several such headers, all values with commas in between
};

/// What a request that names no time-out gets, and the most that one may name.
struct TimeoutLimits {
  std::optional<std::chrono::nanoseconds> standard;  ///< unset: none
  std::chrono::nanoseconds longest;
};

/// What goes with the gRPC calls of one HTTP request.
struct CallContext {
  std::optional<std::chrono::nanoseconds> timeout;
  dispatchctl::TraceContext trace;  ///< empty: none
};

/// Reads gRPC's form of a time-out: one to eight digits and a unit out of H, M, S, m, u, n (gRPC over HTTP/2,
/// "Timeout"). Errors: INVALID_ARGUMENT, also for zero.
absl::StatusOr<std::chrono::nanoseconds> ParseGrpcTimeout(std::string_view text);

/// The time-out (the lesser of the request's and the limit) and the trace context.
///
/// A traceparent that is none is left out together with its tracestate, and a tracestate that is none, or
/// longer than 512 bytes, by itself, as the standard has it: a broken trace is no reason to refuse a request.
/// Errors: INVALID_ARGUMENT for an unreadable Grpc-Timeout.
absl::StatusOr<CallContext> ReadCallContext(const CallHeaders& headers, const TimeoutLimits& limits);

}  // namespace bff
