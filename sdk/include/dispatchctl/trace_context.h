#pragma once

#include <absl/status/status.h>

#include <string>

#include "dispatchctl/export.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

/// Whose trace a call belongs to: the headers of W3C Trace Context (www.w3.org/TR/trace-context-1), as they
/// came with the request that the call is made for.
struct TraceContext {
  /// "00-<trace id>-<parent id>-<flags>", in lower-case hexadecimal. Empty: the call belongs to no trace.
  std::string traceparent = {};
  /// What tracing systems have to say about it. Empty: nothing.
  std::string tracestate = {};
};

/// Checks both headers by the recommendation's grammar: of `traceparent` version and length, hexadecimal
/// digits, ids that are not all zeros, and that what a later version appends is printable ASCII; of
/// `tracestate` at most 32 members, their keys and values, and that no key is there twice. An empty context
/// is fine. Errors: INVALID_ARGUMENT naming the header and the rule. Whoever passes on what a request brought
/// should then go without it, as the recommendation has it, rather than fail.
DISPATCHCTL_EXPORT absl::Status ValidateTraceContext(const TraceContext& context);

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
