#pragma once

#include <chrono>
#include <optional>

#include "dispatchctl/export.h"
#include "dispatchctl/hedging.h"
#include "dispatchctl/retry.h"
#include "dispatchctl/trace_context.h"
#include "dispatchctl/validation.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// How one call is made. What is unset comes from ClientOptions::call_defaults, then from the built-in value.
struct CallOptions {
  /// Bound of the whole call: resolving, connecting, every attempt. Greater than zero. Built-in: 10 s.
  std::optional<std::chrono::nanoseconds> total_timeout = std::nullopt;

  /// Bound of each attempt; an attempt gets the lesser of this and what is left of the total. Built-in: none.
  std::optional<std::chrono::nanoseconds> attempt_timeout = std::nullopt;

  /// Wait for a connection until the deadline where a call would otherwise fail at once. Built-in: false.
  std::optional<bool> wait_for_ready = std::nullopt;

  /// When failed attempts are made again. Built-in: RetryPolicy{}.
  std::optional<RetryPolicy> retry = std::nullopt;

  /// When slow attempts get company. Built-in: never.
  std::optional<HedgingPolicy> hedging = std::nullopt;

  /// Oldest last known status that may stand in for an error, greater than zero. Built-in:
  /// ClientOptions::fallback.
  std::optional<std::chrono::nanoseconds> stale_if_error = std::nullopt;

  /// Sent in addition to ClientOptions::call_defaults.metadata.
  Metadata metadata = {};

  /// The trace that the call belongs to, sent with every attempt as its `traceparent` and `tracestate`. Not
  /// sent where an observer (ClientOptions::observer) makes the attempt a part of that trace and sends its
  /// own, or where the metadata has a `traceparent` already. Built-in: none.
  TraceContext trace_context = {};
};

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
